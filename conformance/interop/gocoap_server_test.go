package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
)

// dialEndpoint opens a session of our message layer.
func dialEndpoint(t *testing.T, addr string, secure bool, profile link.Profile) *endpoint.Conn {
	t.Helper()
	conn, err := dialer(addr, secure, profile).Dial(patient(t))
	require.NoError(t, err)
	c := endpoint.New(conn, endpoint.Config{Profile: profile, Overhead: overheadOf(conn)})
	t.Cleanup(func() {
		_ = c.Close()
		c.Wait()
	})
	return c
}

func overheadOf(conn io.Writer) int {
	if o, ok := conn.(interface{ Overhead() int }); ok {
		return o.Overhead()
	}
	return 0
}

// request makes a request of the message layer.
func request(code endpoint.Code, path string, body []byte) *endpoint.Request {
	r := &endpoint.Request{Code: code, Options: endpoint.Options(nil).AddString(endpoint.URIPath, path)}
	if body != nil {
		r.Body, r.Size = bytes.NewReader(body), int64(len(body))
	}
	return r
}

// do makes one exchange of the message layer.
func do(t *testing.T, c *endpoint.Conn, r *endpoint.Request) (endpoint.Code, string) {
	t.Helper()
	resp, err := c.Do(patient(t), r)
	require.NoError(t, err)
	return resp.Code, string(readAll(t, resp.Body))
}

// exampleServer is a go-coap server with something for each kind of exchange.
func exampleServer(t *testing.T, secure bool, szx blockwise.SZX) *gocoapServer {
	var later sync.WaitGroup
	t.Cleanup(later.Wait) // after the server has stopped
	return startGocoapServer(t, secure, szx, func(w mux.ResponseWriter, r *mux.Message) {
		path, err := r.Path()
		if err != nil {
			t.Error(err)
		}
		set := func(code codes.Code, body []byte) {
			if err := w.SetResponse(code, message.TextPlain, bytes.NewReader(body)); err != nil {
				t.Error(err)
			}
		}
		switch {
		case path == "/large":
			set(codes.Content, manyBlocks(szx))
		case path == "/separate":
			// Without a response go-coap acknowledges the request; the response
			// follows.
			conn, token := w.Conn(), append(message.Token(nil), r.Token()...)
			later.Go(func() { send(t, conn, token, nil, []byte("at last")) })
		case path == "/observe":
			if o, err := r.Observe(); err != nil || o != 0 {
				set(codes.Content, []byte("not observed"))
				return
			}
			conn, token := w.Conn(), append(message.Token(nil), r.Token()...)
			later.Go(func() {
				for i := range 4 {
					n := uint32(i + 2)
					if !send(t, conn, token, &n, observed(i)) {
						return
					}
				}
			})
		case r.Code() == codes.GET:
			set(codes.Content, []byte("hello"))
		case r.Code() == codes.DELETE:
			set(codes.Deleted, nil)
		default:
			body, err := r.ReadBody()
			if err != nil {
				t.Error(err)
			}
			set(codes.Changed, []byte(digest(bytes.NewReader(body))))
		}
	})
}

// manyBlocks is a body of some hundred blocks: go-coap takes a millisecond for each.
func manyBlocks(szx blockwise.SZX) []byte {
	return []byte(largeAnswer())[:min(largeSize, 300*int(szx.Size())+1)]
}

// observed is state i of the resource that can be observed. All fit one message:
// go-coap cannot have a second notification under way while blocks of the first
// are fetched.
func observed(i int) []byte { return []byte(fmt.Sprint("state ", i)) }

// send sends a separate response, or a notification with that sequence number.
func send(t *testing.T, conn mux.Conn, token message.Token, sequence *uint32, body []byte) bool {
	m := conn.AcquireMessage(conn.Context())
	defer conn.ReleaseMessage(m)
	m.SetCode(codes.Content)
	m.SetToken(token)
	m.SetType(message.Confirmable)
	m.SetContentFormat(message.TextPlain)
	m.SetBody(bytes.NewReader(body))
	if sequence != nil {
		m.SetObserve(*sequence)
	}
	err := conn.WriteMessage(m)
	if err != nil && conn.Context().Err() == nil { // the client may have got what it wanted and gone
		t.Error(err)
	}
	return err == nil
}

func TestEndpointTowardsGocoap(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, szx := range []blockwise.SZX{blockwise.SZX16, blockwise.SZX512, blockwise.SZX1024} {
			t.Run(fmt.Sprintf("secure=%v, blocks of %d", secure, szx.Size()), func(t *testing.T) {
				t.Parallel()
				s := exampleServer(t, secure, szx)
				profile := link.Default()
				profile.BlockSize = int(szx.Size())
				c := dialEndpoint(t, s.addr.String(), secure, profile)
				require.NoError(t, c.Ping(patient(t)))

				code, body := do(t, c, request(endpoint.GET, "a", nil))
				assert.Equal(t, endpoint.Content, code)
				assert.Equal(t, "hello", body)
				code, _ = do(t, c, request(endpoint.DELETE, "a", nil))
				assert.Equal(t, endpoint.Deleted, code)
				_, body = do(t, c, request(endpoint.GET, "large", nil))
				assert.Equal(t, string(manyBlocks(szx)), body)
				_, body = do(t, c, request(endpoint.GET, "separate", nil))
				assert.Equal(t, "at last", body)

				for _, method := range []endpoint.Code{endpoint.POST, endpoint.PUT} {
					for _, upload := range [][]byte{manyBlocks(szx)[:1], manyBlocks(szx)[:3000], manyBlocks(szx)} {
						code, body := do(t, c, request(method, "a", upload))
						assert.Equal(t, endpoint.Changed, code)
						assert.Equal(t, digest(bytes.NewReader(upload)), body)
					}
				}
			})
		}
	}
}

func TestEndpointObservesGocoap(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("secure=%v", secure), func(t *testing.T) {
			s := exampleServer(t, secure, blockwise.SZX1024)
			c := dialEndpoint(t, s.addr.String(), secure, link.Default())
			got := make(chan string, 100)
			deliver := func(r *endpoint.Response) error {
				body, err := io.ReadAll(r.Body)
				got <- string(body)
				return err
			}
			o, err := c.Observe(patient(t), request(endpoint.GET, "observe", nil), deliver)
			require.NoError(t, err)
			for i := range 4 {
				assert.Equal(t, string(observed(i)), receive(t, got, fmt.Sprint("notification ", i)))
			}
			require.NoError(t, o.Cancel(patient(t)))

			_, err = c.Observe(context.WithoutCancel(patient(t)), request(endpoint.GET, "a", nil), deliver)
			require.ErrorIs(t, err, endpoint.ErrNotObserved)
			assert.Equal(t, "hello", receive(t, got, "the response"))
		})
	}
}
