package coap

import (
	"net"
	"net/http"
	"runtime/debug"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// decoded is decode; a panic in it, over what a peer has sent, ends the session where
// Transport.Recover is set.
func (t *Transport) decoded(s *session, resp *endpoint.Response, r *http.Request, x *exchange2) (answered *http.Response, err error) {
	if t.Recover {
		defer func() {
			if value := recover(); value != nil {
				answered, err = nil, s.conn.Crash(value)
			}
		}()
	}
	return t.decode(s, resp, r, x)
}

// dialled is Dial; a panic in a handshake fails it where Transport.Recover is set.
func (t *Transport) dialled() (conn net.Conn, err error) {
	if t.Recover {
		defer func() {
			if value := recover(); value != nil {
				problem := endpoint.NewPanicError(value)
				t.Log.Error("a panic ends a handshake: please report it", "panic", problem.What, "stack", string(debug.Stack()))
				conn, err = nil, problem
			}
		}()
	}
	return t.Dial(t.life)
}
