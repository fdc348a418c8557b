package dtls

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// clientLink is the socket of a client.
type clientLink struct {
	inlet
	cfg   Config
	work  sync.WaitGroup
	guard *guard

	peerMu sync.Mutex
	pc     net.PacketConn
	ended  bool // pc is closed for good
	peer   net.Addr
	key    addrKey

	answered  atomic.Bool
	alert     atomic.Uint32
	sendError atomic.Pointer[error]
}

func newClientLink(pc net.PacketConn, peer net.Addr, cfg Config) *clientLink {
	l := &clientLink{pc: pc, cfg: cfg, guard: newGuard()}
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

// socket is the present one, and where the peer is.
func (l *clientLink) socket() (net.PacketConn, net.Addr) {
	l.peerMu.Lock()
	defer l.peerMu.Unlock()
	return l.pc, l.peer
}

// move has the session go on over another socket. The goroutine that reads the old one ends.
func (l *clientLink) move(pc net.PacketConn, peer net.Addr) error {
	l.peerMu.Lock()
	defer l.peerMu.Unlock()
	if l.ended {
		pc.Close()
		return net.ErrClosed
	}
	old := l.pc
	l.pc, l.peer, l.key = pc, peer, keyOf(peer)
	l.start(pc)
	_ = old.Close() // nothing is lost with it
	return nil
}

// end closes the socket for good.
func (l *clientLink) end() {
	l.peerMu.Lock()
	defer l.peerMu.Unlock()
	l.ended = true
	l.pc.Close()
}

func (l *clientLink) fromPeer(a net.Addr) bool {
	l.peerMu.Lock()
	defer l.peerMu.Unlock()
	return keyOf(a) == l.key
}

// start begins to read a socket.
func (l *clientLink) start(pc net.PacketConn) { l.work.Go(func() { l.read(pc) }) }

// close ends a link without a session.
func (l *clientLink) close() {
	l.end()
	l.work.Wait()
}

// read hands in the datagrams of the peer until the socket is closed or broken, or another
// has taken its place.
func (l *clientLink) read(pc net.PacketConn) {
	buf := make([]byte, maxDatagram)
	for failures := 0; ; {
		n, from, err := pc.ReadFrom(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			l.broken(pc)
			return
		case err != nil:
			// Most are echoes of an earlier send, such as "port unreachable".
			if failures++; failures == maxReadErrors {
				l.broken(pc)
				return
			}
		case l.fromPeer(from):
			failures = 0
			l.guard.run(&l.cfg, func() {
				l.look(buf[:n])
				l.put(buf[:n], from, noCID)
			})
		}
	}
}

// look counts what is not of the session, and notes, while the handshake lasts, what explains
// its failure.
func (l *clientLink) look(b []byte) {
	r, _, ok := nextRecord(b, noCID)
	if !ok || !ofSession(r) {
		l.cfg.incoming().count(b)
	}
	if l.established() || !ok || !r.acceptable() {
		return
	}
	l.answered.Store(true)
	if r.typ == typeAlert && r.epoch == 0 {
		l.alert.Store(uint32(r.body[1]))
	}
}

// broken ends what lives on the link when nothing more will come of its socket. The store
// keeps the session: the next socket may be better.
func (l *clientLink) broken(pc net.PacketConn) {
	if now, _ := l.socket(); now != pc {
		return
	}
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
	if err == nil {
		l.cfg.outgoing().count(b)
	}
	if err != nil {
		l.sendError.Store(&err)
	}
	return nil
}

// send implements below: to the peer's present address. An error of the socket goes
// to who writes, so that the message layer learns that the network is down.
func (l *clientLink) send(b []byte, _ net.Addr) error {
	for {
		pc, peer := l.socket()
		_, err := pc.WriteTo(b, peer)
		if !errors.Is(err, net.ErrClosed) {
			return err
		}
		if now, _ := l.socket(); now == pc {
			return net.ErrClosed
		} // else: the session has moved meanwhile
	}
}

// localAddr implements below.
func (l *clientLink) localAddr() net.Addr {
	pc, _ := l.socket()
	return pc.LocalAddr()
}

// gone implements below.
func (l *clientLink) gone(bool) { l.end() }

// wait implements below.
func (l *clientLink) wait() { l.work.Wait() }

// background implements below.
func (l *clientLink) background(f func()) { l.work.Go(f) }

// overflowed implements below: the sender will repeat what mattered.
func (l *clientLink) overflowed() {}

// warn implements below.
func (l *clientLink) warn(message string, args ...any) { l.cfg.log().Warn(message, args...) }
