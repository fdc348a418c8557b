package interop

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// optionCount counts the messages sent with an option. One that is sent again counts once.
type optionCount struct {
	number endpoint.OptionNumber
	sent   atomic.Int64
}

// tap counts what goes out on the connections of a dialer.
func (n *optionCount) tap(dial func(context.Context) (net.Conn, error)) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		return &tapped{Conn: conn, count: n}, nil
	}
}

type tapped struct {
	net.Conn
	count *optionCount
	seen  sync.Map // message IDs
}

// Write implements net.Conn.
func (t *tapped) Write(p []byte) (int, error) {
	if m, err := endpoint.ParseMessage(p); err == nil && m.Options.Has(t.count.number) {
		if _, again := t.seen.LoadOrStore(m.MessageID, true); !again {
			t.count.sent.Add(1)
		}
	}
	return t.Conn.Write(p)
}

// Overhead is that of the connection below.
func (t *tapped) Overhead() int {
	if o, ok := t.Conn.(interface{ Overhead() int }); ok {
		return o.Overhead()
	}
	return 0
}
