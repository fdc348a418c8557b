package integrity

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
)

// Rates of what strangers can have, in one second.
const (
	resetsPerSecond     = 20
	complaintsPerSecond = 1.5 // lines of log; one at once
)

// Listener serves the stations of one socket. It implements net.Listener; the
// connections that it accepts are *Conn.
type Listener struct {
	pc  net.PacketConn
	cfg Config

	byCall   map[string]*station
	byNumber [lastSession + 1]*station
	accepted *acceptQueue
	work     sync.WaitGroup
	// waking is held while a session of a station begins, or comes back from the store. It is
	// taken before mu.
	waking semaphore

	mu         sync.Mutex // guards the stations and resets
	resets     bucket
	complaints bucket // used by the goroutine that reads alone

	stats tally
}

type tally struct {
	malformed, refused, resets, sendErrors atomic.Uint64
}

// Stats is a moment of a Listener.
type Stats struct {
	// Sessions counts those in use, and Stored those that rest in the store.
	Sessions, Stored int
	// Malformed counts datagrams that are no messages of this format; Refused those
	// that are not authentic; Resets the stations that were told that their session
	// is lost; SendErrors what the socket refused to send.
	Malformed, Refused, Resets, SendErrors uint64
}

// Listen serves the stations of cfg on pc and takes it over: Close closes it.
func Listen(pc net.PacketConn, cfg Config) (*Listener, error) {
	if err := cfg.checkServer(); err != nil {
		return nil, err
	}
	l := &Listener{
		pc: pc, cfg: cfg, byCall: map[string]*station{}, accepted: newAcceptQueue(), waking: newSemaphore(),
		resets: bucket{perSecond: resetsPerSecond}, complaints: bucket{perSecond: complaintsPerSecond},
	}
	stations := make([]*station, 0, len(cfg.Stations))
	for _, s := range cfg.Stations {
		st := &station{
			Station: s, keys: newStationKeys(s), place: newPlace(cfg.Store, serverPrefix+s.Call),
			helloes: bucket{perSecond: helloesPerSecond},
		}
		if err := st.load(); err != nil {
			return nil, err
		}
		stations = append(stations, st)
		l.byCall[s.Call] = st
	}
	numberStations(stations)
	for _, st := range stations {
		l.byNumber[st.number] = st
	}
	l.work.Go(l.read)
	return l, nil
}

// load looks for a stored session of the station. One of another key does not count.
func (st *station) load() error {
	s, c, err := st.place.read()
	switch {
	case errors.Is(err, ErrNoSession), errors.Is(err, errState):
		return nil
	case err != nil:
		return err
	}
	if s.station == st.Station.tag() {
		st.resting = &restingSession{s, c}
	}
	return nil
}

func newNonce() (n nonce) {
	rand.Read(n[:])
	return n
}

// Accept returns the next session whose station has used it, a *Conn. It fails with
// net.ErrClosed after Close, and with the socket's error when that broke.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.accepted.pop()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Addr returns the address of the socket.
func (l *Listener) Addr() net.Addr { return l.pc.LocalAddr() }

// Stats returns the present counts.
func (l *Listener) Stats() Stats {
	s := Stats{
		Malformed: l.stats.malformed.Load(), Refused: l.stats.refused.Load(),
		Resets: l.stats.resets.Load(), SendErrors: l.stats.sendErrors.Load(),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, st := range l.byCall {
		if st.session != nil {
			s.Sessions++
		}
		if st.resting != nil {
			s.Stored++
		}
	}
	return s
}

// Close ends every session and tells its station, closes the socket and waits for all
// goroutines of the listener. Sessions in a Store are left there instead, without a
// word, for the next Listener.
func (l *Listener) Close() error {
	l.accepted.close(net.ErrClosed)
	errs := l.closeSessions()
	errs = append(errs, l.pc.Close())
	l.work.Wait()
	errs = append(errs, l.closeSessions()...) // those that began in between
	return errors.Join(errs...)
}

func (l *Listener) closeSessions() (errs []error) {
	l.mu.Lock()
	var conns []*Conn
	for _, st := range l.byCall {
		if st.session != nil {
			conns = append(conns, st.session)
		}
	}
	l.mu.Unlock()
	for _, c := range conns {
		if c.Durable() {
			errs = append(errs, c.rest())
		} else {
			errs = append(errs, c.Close())
		}
	}
	return errs
}

// read hands each datagram of the socket to its station.
func (l *Listener) read() {
	buf := make([]byte, maxDatagram)
	for failures := 0; ; {
		n, from, err := l.pc.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			l.accepted.close(net.ErrClosed)
			return
		case err != nil:
			if failures++; failures == maxReadErrors {
				l.accepted.close(fmt.Errorf("integrity: reading from the socket: %w", err))
				return
			}
		case n == 0:
			l.stats.malformed.Add(1)
		default:
			failures = 0
			l.deliver(buf[:n], from)
		}
	}
}

// deliver takes one datagram, which stays the caller's.
func (l *Listener) deliver(b []byte, from net.Addr) {
	switch {
	case b[0] == typeHello:
		l.hello(b, from)
	case isSession(b[0]):
		l.record(b, from)
	default:
		l.stats.malformed.Add(1)
	}
}

// send implements below. An error of the socket is a lost datagram: the network may be
// back for the next one.
func (l *Listener) send(b []byte, to net.Addr) error {
	if _, err := l.pc.WriteTo(b, to); err != nil {
		if errors.Is(err, net.ErrClosed) {
			return net.ErrClosed
		}
		l.stats.sendErrors.Add(1)
	}
	return nil
}

// localAddr implements below.
func (l *Listener) localAddr() net.Addr { return l.pc.LocalAddr() }

// gone implements below. A session that rests is found again by its next record.
func (l *Listener) gone(c *Conn, resting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.byCall[c.call]
	if st.session != c {
		return
	}
	st.session = nil
	if !resting {
		return
	}
	if s, counters, err := st.place.read(); err == nil {
		st.resting = &restingSession{s, counters}
	}
}

// wait implements below: no goroutine is a session's own.
func (l *Listener) wait() {}

// warn implements below.
func (l *Listener) warn(message string, args ...any) { l.log().Warn(message, args...) }

func (l *Listener) log() *slog.Logger { return l.cfg.log() }
