// Package sdnotify tells systemd, or whatever else started the program, how far it
// is: the protocol of sd_notify(3).
package sdnotify

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// States that a service tells.
const (
	// Ready says that start-up, or a reload, is done.
	Ready = "READY=1"
	// Stopping says that the service is about to end.
	Stopping = "STOPPING=1"
)

// SocketEnv is the environment variable that names the listener's socket.
const SocketEnv = "NOTIFY_SOCKET"

// Error is a message that did not reach the listener. The service can go on; who
// started it may take it for hanging.
type Error struct {
	// State is what was to be told.
	State string
	// Err says why it could not.
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("notify %s: %v", e.State, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// Send tells state to the listener at socket, the value of SocketEnv. It does nothing
// where that is empty, since then nobody listens. Its errors are an *Error.
func Send(socket, state string) error {
	if socket == "" {
		return nil
	}
	if !strings.HasPrefix(socket, "/") && !strings.HasPrefix(socket, "@") {
		return &Error{state, errors.New("the socket is neither a path nor abstract")}
	}
	// Package net takes a leading "@" for the abstract namespace, as systemd does.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return &Error{state, err}
	}
	_, err = conn.Write([]byte(state))
	if err := errors.Join(err, conn.Close()); err != nil {
		return &Error{state, err}
	}
	return nil
}

// Socket returns where the listener is, empty if there is none.
func Socket() string { return os.Getenv(SocketEnv) }
