package coap

import (
	"net"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// lasting is what a connection offers whose session may outlive the process: keys,
// counters and replay window are its own affair, and it keeps for us what we say.
type lasting interface {
	// Durable tells whether there is a store that keeps the session.
	Durable() bool
	// Incarnation counts the lives of the session before this one.
	Incarnation() uint32
	// State returns what SaveState stored last, also in an earlier life.
	State() ([]byte, error)
	// SaveState returns when state is durable.
	SaveState(state []byte) error
	// Mark returns when no datagram read so far can be accepted again.
	Mark() error
	// Suspend closes the connection without a word to the peer, and keeps the session.
	Suspend() error
}

// resetSize is the length of a reset token, in bytes.
const resetSize = 16

// resetting is a connection whose server can tell in one datagram that it has lost
// the session, by a token that it gives when the session begins.
type resetting interface {
	ResetToken() (token [resetSize]byte, ok bool)
	SetResetToken(token [resetSize]byte) error
}

// lastingOf returns what conn offers of a lasting session.
func lastingOf(conn net.Conn) lasting {
	if l, ok := conn.(lasting); ok {
		return l
	}
	return brief{conn}
}

// pathsOf returns what conn tells of where its peer is, nil for nothing.
func pathsOf(conn net.Conn) endpoint.Paths {
	if p, ok := conn.(endpoint.Paths); ok {
		return p
	}
	return nil
}

// brief is a connection that ends with the process.
type brief struct {
	net.Conn
}

func (brief) Durable() bool          { return false }
func (brief) Incarnation() uint32    { return 0 }
func (brief) State() ([]byte, error) { return nil, nil }
func (brief) SaveState([]byte) error { return nil }
func (brief) Mark() error            { return nil }
func (b brief) Suspend() error       { return b.Close() }

// resetToken is what a server gives for its session, nil for nothing.
func resetToken(conn net.Conn) []byte {
	if r, ok := conn.(resetting); ok {
		if token, ok := r.ResetToken(); ok {
			return token[:]
		}
	}
	return nil
}

// takeReset hands the connection what the server gave.
func (s *session) takeReset(resp *endpoint.Response) {
	value, given := resp.Options.Get(OptionReset)
	r, ok := s.carrier.(resetting)
	if !given || !ok || len(value) != resetSize {
		return
	}
	if err := r.SetResetToken([resetSize]byte(value)); err != nil {
		s.memory.log.Error("a reset token was not stored", "err", err)
	}
	s.mu.Lock()
	s.resettable = true
	s.memory.changed()
	s.mu.Unlock()
}
