package budgets

import (
	"net"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// foreignListener makes a coapgw look like another server of MSC3079: it takes
// away every option of ours.
type foreignListener struct{ net.Listener }

func (l foreignListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return foreignConn{c}, nil
}

type foreignConn struct{ net.Conn }

// Read leaves out the elective options that a foreign server would ignore.
func (c foreignConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		return n, err
	}
	m, err := endpoint.ParseMessage(append([]byte(nil), p[:n]...))
	if err != nil {
		return n, nil
	}
	for _, number := range []endpoint.OptionNumber{coap.OptionGateway, coap.OptionForm, coap.OptionHeader} {
		m.Options = m.Options.Remove(number)
	}
	b, err := endpoint.AppendMessage(nil, &m)
	return copy(p, b), err
}

func (c foreignConn) Overhead() int        { return c.Conn.(interface{ Overhead() int }).Overhead() }
func (c foreignConn) PeerIdentity() string { return "" }
