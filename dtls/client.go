package dtls

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	pion "github.com/pion/dtls/v3"
)

// Dial shakes hands with peer over pc, which it takes over: the session's Close
// closes it, and so does a Dial that fails. The handshake ends with the
// context or after Profile.HandshakeTimeout. Errors are *ShortKeyError,
// *HandshakeError, or about the configuration.
//
// A fresh socket per Dial is best: a server without support for a client that
// restarts on the same port (RFC 6347 §4.2.8) would not answer on the old one.
func Dial(ctx context.Context, pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	if err := cfg.checkClient(); err != nil {
		pc.Close()
		return nil, err
	}
	link := newClientLink(pc, peer, cfg)
	link.start()
	ctx, cancel := context.WithTimeout(ctx, cfg.Profile.HandshakeTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		conn, err := link.shake(ctx, peer, cfg)
		if err == nil {
			return conn, nil
		}
		// A busy server that had to let a handshake go says so.
		if link.alert.Load() != alertInternalError || attempt == maxAttempts || ctx.Err() != nil {
			link.close()
			return nil, err
		}
		link.again()
	}
}

// maxAttempts bounds the handshakes of one Dial.
const maxAttempts = 32

// shake runs one handshake.
func (l *clientLink) shake(ctx context.Context, peer net.Addr, cfg Config) (*Conn, error) {
	p := &pipe{in: l.early, out: l.attempt, local: l.localAddr}
	c, err := pion.ClientWithOptions(p, peer, clientOptions(cfg)...)
	if err != nil {
		return nil, fmt.Errorf("dtls: configuration not accepted: %w", err)
	}
	if err := c.HandshakeContext(ctx); err != nil {
		c.Close()
		return nil, l.explain(ctx, peer, err)
	}
	return l.establish(c, p, cfg)
}

// again prepares for another handshake.
func (l *clientLink) again() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.early = newInbox()
	l.alert.Store(0)
}

// establish makes a session of a completed handshake.
func (l *clientLink) establish(c *pion.Conn, p *pipe, cfg Config) (*Conn, error) {
	t, err := takeOver(c, p)
	if err != nil {
		return nil, err
	}
	if cfg.psk() {
		t.identity = cfg.Identity
	}
	conn, err := newConn(l, t.secrets, newLedger(t.send, t.received), newPath(l.peerAddr(), false), false)
	if err != nil {
		return nil, err
	}
	if cfg.Store != nil && conn.withCID() {
		conn.kept = kept{store: cfg.Store, prefix: clientPrefix + cfg.SessionName}
		first := conn.numbers.keep(cfg.Store, conn.kept.prefix+countersKey, nil)
		if err := conn.kept.begin(t.secrets, first); err != nil {
			l.warn("dtls: the session will not outlive the process", "error", err)
		}
	}
	for _, b := range t.early {
		conn.in.put(datagram{data: b})
	}
	l.attach(conn)
	return conn, nil
}

// Resume goes on with the session that a Dial with the same Config.Store and
// Config.SessionName began, without sending anything, over a socket which it
// takes over. It fails with ErrNoSession when there is none. Whether the server
// still has the session shows in the first exchange: Read fails with ErrReset
// when not.
func Resume(pc net.PacketConn, peer net.Addr, cfg Config) (*Conn, error) {
	link := newClientLink(pc, peer, cfg)
	conn, err := link.resume(cfg)
	if err != nil {
		link.close()
		return nil, err
	}
	link.start()
	return conn, nil
}

func (l *clientLink) resume(cfg Config) (*Conn, error) {
	if cfg.Store == nil {
		return nil, ErrNoSession
	}
	k := kept{store: cfg.Store, prefix: clientPrefix + cfg.SessionName}
	s, err := k.secrets()
	if err != nil {
		return nil, err
	}
	reset, err := cfg.Store.Load(k.prefix + resetKey)
	if err != nil {
		return nil, fmt.Errorf("dtls: session not loaded: %w", err)
	}
	conn, err := newConn(l, s, &ledger{stride: defaultStride}, newPath(l.peerAddr(), false), false)
	if err != nil {
		return nil, err
	}
	if err := conn.numbers.open(cfg.Store, k.prefix+countersKey, nil); err != nil {
		return nil, err
	}
	conn.kept = k
	if t := (ResetToken{}); len(reset) == len(t) {
		copy(t[:], reset)
		conn.resetToken.Store(&t)
	}
	l.attach(conn)
	return conn, nil
}

// clientLink is the socket of a client.
type clientLink struct {
	inlet
	pc   net.PacketConn
	cfg  Config
	work sync.WaitGroup

	peerMu sync.Mutex
	peer   net.Addr
	key    addrKey

	answered  atomic.Bool
	alert     atomic.Uint32
	sendError atomic.Pointer[error]
}

func newClientLink(pc net.PacketConn, peer net.Addr, cfg Config) *clientLink {
	l := &clientLink{pc: pc, cfg: cfg}
	l.early = newInbox()
	l.setPeer(peer)
	return l
}

// setPeer implements below.
func (l *clientLink) setPeer(peer net.Addr) {
	l.peerMu.Lock()
	defer l.peerMu.Unlock()
	l.peer, l.key = peer, keyOf(peer)
}

func (l *clientLink) peerAddr() net.Addr {
	l.peerMu.Lock()
	defer l.peerMu.Unlock()
	return l.peer
}

func (l *clientLink) fromPeer(a net.Addr) bool {
	l.peerMu.Lock()
	defer l.peerMu.Unlock()
	return keyOf(a) == l.key
}

// start begins to read the socket.
func (l *clientLink) start() { l.work.Go(l.read) }

// close ends a link without a session.
func (l *clientLink) close() {
	l.pc.Close()
	l.work.Wait()
}

// read hands in the datagrams of the peer until the socket is closed or broken.
func (l *clientLink) read() {
	buf := make([]byte, maxDatagram)
	for failures := 0; ; {
		n, from, err := l.pc.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			l.broken()
			return
		case err != nil:
			// Most are echoes of an earlier send, such as "port unreachable".
			if failures++; failures == maxReadErrors {
				l.broken()
				return
			}
		case l.fromPeer(from):
			failures = 0
			l.look(buf[:n])
			l.put(buf[:n], from, noCID)
		}
	}
}

// look notes, while the handshake lasts, what explains its failure.
func (l *clientLink) look(b []byte) {
	if l.established() {
		return
	}
	r, _, ok := nextRecord(b, noCID)
	if !ok || !r.acceptable() {
		return
	}
	l.answered.Store(true)
	if r.typ == typeAlert && r.epoch == 0 {
		l.alert.Store(uint32(r.body[1]))
	}
}

// broken ends what lives on the link when nothing more will come. The store keeps
// the session: the next socket may be better.
func (l *clientLink) broken() {
	l.mu.Lock()
	early, conn := l.early, l.conn
	l.mu.Unlock()
	if early != nil {
		early.close(net.ErrClosed)
		return
	}
	if err := conn.rest(); err != nil {
		l.warn("dtls: session not stored", "error", err)
	}
}

// attempt sends a datagram of the handshake. An error of the socket is a lost
// datagram: the network may be back for the next one.
func (l *clientLink) attempt(b []byte, to net.Addr) error {
	err := l.send(b, to)
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	if err != nil {
		l.sendError.Store(&err)
	}
	return nil
}

// send implements below: to the peer's present address. An error of the socket goes
// to who writes, so that the message layer learns that the network is down.
func (l *clientLink) send(b []byte, _ net.Addr) error {
	_, err := l.pc.WriteTo(b, l.peerAddr())
	if errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// localAddr implements below.
func (l *clientLink) localAddr() net.Addr { return l.pc.LocalAddr() }

// gone implements below.
func (l *clientLink) gone(bool) { l.pc.Close() }

// wait implements below.
func (l *clientLink) wait() { l.work.Wait() }

// background implements below.
func (l *clientLink) background(f func()) { l.work.Go(f) }

// overflowed implements below: the sender will repeat what mattered.
func (l *clientLink) overflowed() {}

// warn implements below.
func (l *clientLink) warn(message string, args ...any) { l.cfg.log().Warn(message, args...) }

// explain makes the error of a handshake that failed.
func (l *clientLink) explain(ctx context.Context, peer net.Addr, err error) error {
	e := &HandshakeError{Peer: peer, Answered: l.answered.Load(), Alert: uint8(l.alert.Load()), Err: err}
	switch {
	case e.Alert == alertUnknownIdentity:
		e.Err = ErrUnknownIdentity
	case errors.Is(err, ErrFingerprint):
		e.Err = ErrFingerprint
	case ctx.Err() != nil:
		e.Err = context.Cause(ctx)
		if send := l.sendError.Load(); send != nil {
			e.Err = fmt.Errorf("%w, sending failed: %w", e.Err, *send)
		}
	}
	return e
}
