package interop

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	piondtls "github.com/pion/dtls/v3"
	gocoapdtls "github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/message/pool"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
	"github.com/plgd-dev/go-coap/v3/udp/client"
	"github.com/stretchr/testify/require"
)

// quiet keeps go-coap from printing to standard output.
func quiet() options.ErrorsOpt { return options.WithErrors(func(error) {}) }

// blocksOf makes go-coap send and ask for blocks of that size.
func blocksOf(szx blockwise.SZX) options.BlockwiseOpt {
	return options.WithBlockwise(true, szx, patience)
}

// dialUDP returns a go-coap client without DTLS.
func dialUDP(t *testing.T, addr net.Addr, szx blockwise.SZX) *client.Conn {
	t.Helper()
	c, err := udp.Dial(addr.String(), quiet(), blocksOf(szx))
	require.NoError(t, err)
	closeAtEnd(t, c)
	return c
}

// dialDTLS returns a go-coap client with the suite that RFC 7252 §9.1.3.1 demands.
func dialDTLS(t *testing.T, addr string, szx blockwise.SZX) *client.Conn {
	t.Helper()
	c, err := gocoapdtls.Dial(addr, gocoapdtls.NewDTLSClientOptions(
		piondtls.WithPSK(func([]byte) ([]byte, error) { return []byte(pskKey), nil }),
		piondtls.WithPSKIdentityHint([]byte(pskIdentity)),
		piondtls.WithCipherSuites(piondtls.TLS_PSK_WITH_AES_128_CCM_8),
	), quiet(), blocksOf(szx))
	require.NoError(t, err)
	closeAtEnd(t, c)
	return c
}

func closeAtEnd(t *testing.T, c *client.Conn) {
	t.Cleanup(func() {
		_ = c.Close()
		receive(t, c.Done(), "the end of the go-coap client")
	})
}

// option is one option of a request.
type option struct {
	number message.OptionID
	value  string
}

// segments makes Uri-Path options.
func segments(path ...string) (o []option) {
	for _, s := range path {
		o = append(o, option{message.URIPath, s})
	}
	return o
}

// reply is a response as a go-coap client got it.
type reply struct {
	code    codes.Code
	options message.Options
	body    []byte
}

// has reports whether the response carries an option.
func (r reply) has(n message.OptionID) bool { return r.options.HasOption(n) }

func replyOf(t testing.TB, m *pool.Message) reply {
	body, err := m.ReadBody()
	require.NoError(t, err)
	opts, err := m.Options().Clone()
	require.NoError(t, err)
	return reply{m.Code(), opts, body}
}

// requestOf makes a request; a nil body is none.
func requestOf(ctx context.Context, t testing.TB, c *client.Conn, code codes.Code, opts []option, body []byte) *pool.Message {
	t.Helper()
	m := c.AcquireMessage(ctx)
	token, err := message.GetToken()
	require.NoError(t, err)
	m.SetCode(code)
	m.SetToken(token)
	for _, o := range opts {
		m.AddOptionBytes(o.number, []byte(o.value))
	}
	if body != nil {
		m.SetBody(bytes.NewReader(body))
	}
	return m
}

// ask makes one exchange.
func ask(t testing.TB, c *client.Conn, code codes.Code, opts []option, body []byte) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := c.Do(requestOf(ctx, t, c, code, opts, body))
	require.NoError(t, err)
	return replyOf(t, resp)
}

// watch observes a resource and hands on every notification, the first response
// included.
func watch(t *testing.T, c *client.Conn, opts []option) (<-chan reply, mux.Observation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m := requestOf(ctx, t, c, codes.GET, opts, nil)
	m.SetObserve(0)
	got := make(chan reply, 100)
	o, err := c.DoObserve(m, func(n *pool.Message) { got <- replyOf(t, n) })
	require.NoError(t, err)
	return got, o
}

// gocoapServer is a go-coap server, over UDP or DTLS.
type gocoapServer struct {
	addr net.Addr
	stop func()
}

func startGocoapServer(t *testing.T, secure bool, szx blockwise.SZX, h mux.HandlerFunc) *gocoapServer {
	t.Helper()
	s := &gocoapServer{}
	result := make(chan error, 1)
	if secure {
		l, err := coapnet.NewDTLSListener("udp", "127.0.0.1:0", coapnet.NewDTLSServerOptions(
			piondtls.WithPSK(func([]byte) ([]byte, error) { return []byte(pskKey), nil }),
			piondtls.WithCipherSuites(piondtls.TLS_PSK_WITH_AES_128_CCM_8),
		))
		require.NoError(t, err)
		server := gocoapdtls.NewServer(options.WithMux(h), quiet(), blocksOf(szx))
		s.addr, s.stop = l.Addr(), func() { server.Stop(); _ = l.Close() }
		go func() { result <- server.Serve(l) }()
	} else {
		l, err := coapnet.NewListenUDP("udp", "127.0.0.1:0")
		require.NoError(t, err)
		server := udp.NewServer(options.WithMux(h), quiet(), blocksOf(szx))
		s.addr, s.stop = l.LocalAddr(), func() { server.Stop(); _ = l.Close() }
		go func() { result <- server.Serve(l) }()
	}
	t.Cleanup(func() {
		s.stop()
		select {
		case <-result: // it complains about the socket that was closed
		case <-time.After(patience):
			t.Error("the go-coap server does not stop")
		}
	})
	return s
}

// readAll reads a body that may be nil.
func readAll(t testing.TB, r io.Reader) []byte {
	t.Helper()
	if r == nil {
		return nil
	}
	body, err := io.ReadAll(r)
	require.NoError(t, err)
	return body
}
