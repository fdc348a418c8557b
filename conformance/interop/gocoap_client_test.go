package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/net/blockwise"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
	"github.com/coapgw/coapgw/internal/plainudp"
)

// listenEndpoint serves a handler with nothing but our message layer over UDP, for
// one peer.
func listenEndpoint(t *testing.T, cfg endpoint.Config) net.Addr {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	l := plainudp.Listen(pc, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		c := endpoint.New(conn, cfg)
		<-c.Done()
		c.Wait()
	}()
	t.Cleanup(func() {
		_ = l.Close()
		receive(t, done, "the end of the endpoint")
	})
	return pc.LocalAddr()
}

func pathOf(r *endpoint.Request) string {
	return string(bytes.Join(r.Options.GetAll(endpoint.URIPath), []byte("/")))
}

func content(body []byte) *endpoint.Response {
	return &endpoint.Response{Code: endpoint.Content, Body: bytes.NewReader(body), Size: int64(len(body))}
}

// digest answers an upload: what arrived.
func digest(r io.Reader) string {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return fmt.Sprintf("%d bytes %x %v", n, h.Sum(nil), err)
}

func TestGocoapClientExchanges(t *testing.T) {
	var posts atomic.Int32
	var large []byte
	handler := endpoint.HandlerFunc(func(_ context.Context, r *endpoint.Request) *endpoint.Response {
		switch {
		case pathOf(r) == "large":
			return content(large)
		case r.Code == endpoint.GET:
			return content([]byte("hello"))
		case r.Code == endpoint.DELETE:
			return &endpoint.Response{Code: endpoint.Deleted}
		}
		posts.Add(1)
		body := digest(r.Body)
		return &endpoint.Response{Code: endpoint.Changed, Body: strings.NewReader(body), Size: int64(len(body))}
	})
	for _, szx := range []blockwise.SZX{blockwise.SZX16, blockwise.SZX256, blockwise.SZX1024} {
		t.Run(fmt.Sprintf("blocks of %d", szx.Size()), func(t *testing.T) {
			posts.Store(0)
			large = manyBlocks(szx)
			addr := listenEndpoint(t, endpoint.Config{Profile: link.Default(), Handler: handler, MaxBody: 2 * largeSize})
			c := dialUDP(t, addr, szx)
			ctx := patient(t)
			require.NoError(t, c.Ping(ctx))

			got := ask(t, c, codes.GET, segments("a"), nil)
			assert.Equal(t, codes.Content, got.code)
			assert.Equal(t, "hello", string(got.body))
			assert.Equal(t, codes.Deleted, ask(t, c, codes.DELETE, segments("a"), nil).code)
			assert.Equal(t, string(large), string(ask(t, c, codes.GET, segments("large"), nil).body))

			for i, code := range []codes.Code{codes.POST, codes.PUT} {
				for _, body := range [][]byte{large[:1], large[:3000], large} {
					got := ask(t, c, code, segments("a"), body)
					assert.Equal(t, codes.Changed, got.code)
					assert.Equal(t, digest(bytes.NewReader(body)), string(got.body))
				}
				assert.EqualValues(t, 3*(i+1), posts.Load(), "an upload is handled once")
			}

			// An unknown critical option is refused (RFC 7252 §5.4.1), a body over
			// the limit too (RFC 7959 §2.9.3).
			assert.Equal(t, codes.BadOption, ask(t, c, codes.GET, append(segments("a"), option{65001, "x"}), nil).code)
			assert.Equal(t, codes.RequestEntityTooLarge, ask(t, c, codes.PUT, segments("a"), make([]byte, 3*largeSize)).code)
		})
	}
}

// A request in a NON message is answered (RFC 7252 §5.2.3).
func TestGocoapClientNonConfirmable(t *testing.T) {
	confirmable := make(chan bool, 1)
	addr := listenEndpoint(t, endpoint.Config{Profile: link.Default(), Handler: endpoint.HandlerFunc(
		func(_ context.Context, r *endpoint.Request) *endpoint.Response {
			confirmable <- r.Confirmable
			return content([]byte("hello"))
		})})
	c := dialUDP(t, addr, blockwise.SZX1024)
	m := requestOf(patient(t), t, c, codes.GET, segments("a"), nil)
	m.SetType(message.NonConfirmable)
	resp, err := c.Do(m)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(replyOf(t, resp).body))
	assert.False(t, receive(t, confirmable, "the request"))
}

// recorderFunc is a trace.Recorder.
type recorderFunc func(trace.Event)

// Record implements trace.Recorder.
func (f recorderFunc) Record(e trace.Event) { f(e) }

// A handler that takes its time is announced by an empty acknowledgement, and its
// response follows in a message of its own (RFC 7252 §5.2.2).
func TestGocoapClientSeparateResponse(t *testing.T) {
	acknowledged := make(chan struct{}, 1)
	profile := link.Default()
	profile.EmptyAckDelay = profile.AckTimeout / 100
	addr := listenEndpoint(t, endpoint.Config{
		Profile: profile,
		Handler: endpoint.HandlerFunc(func(ctx context.Context, _ *endpoint.Request) *endpoint.Response {
			select {
			case <-acknowledged:
			case <-ctx.Done():
			}
			return content([]byte("at last"))
		}),
		Recorder: recorderFunc(func(e trace.Event) {
			if e.Kind == trace.Sent && e.Type == uint8(endpoint.Acknowledgement) && e.Code == uint8(endpoint.Empty) {
				acknowledged <- struct{}{}
			}
		}),
	})
	c := dialUDP(t, addr, blockwise.SZX1024)
	assert.Equal(t, "at last", string(ask(t, c, codes.GET, segments("slow"), nil).body))
}

// publish serves a resource that can be observed.
func publish(t *testing.T, profile link.Profile) (net.Addr, <-chan *endpoint.Observer) {
	observers := make(chan *endpoint.Observer, 1)
	return listenEndpoint(t, endpoint.Config{Profile: profile, Handler: endpoint.HandlerFunc(
		func(_ context.Context, r *endpoint.Request) *endpoint.Response {
			if r.Observe == endpoint.ObserveRegister {
				o, err := r.StartObservation()
				if err != nil {
					return &endpoint.Response{Code: endpoint.InternalServerError}
				}
				observers <- o
			}
			return content([]byte("state 0"))
		})}), observers
}

// Notifications arrive in order, and cancelling ends the observation on both sides
// (RFC 7641 §3.6).
func TestGocoapClientObserves(t *testing.T) {
	addr, observers := publish(t, link.Default())
	c := dialUDP(t, addr, blockwise.SZX1024)
	got, observation := watch(t, c, segments("sync"))
	o := receive(t, observers, "the registration")
	assert.Equal(t, "state 0", string(receive(t, got, "the first response").body))
	for i := range 20 {
		body := fmt.Sprint("state ", i+1)
		require.NoError(t, o.Notify(patient(t), content([]byte(body))))
		assert.Equal(t, body, string(receive(t, got, body).body))
	}
	require.NoError(t, observation.Cancel(patient(t)))
	receive(t, o.Done(), "the end of the observation")
}

// go-coap answers the first block of a confirmable notification with its request
// for the second block in the acknowledgement, which RFC 7252 §4.2 has us ignore.
// So it never acknowledges, and loses the observation; the session goes on.
func TestGocoapClientFailsAtLargeNotification(t *testing.T) {
	profile := link.Default()
	profile.AckTimeout /= 100
	profile.MaxRetransmit = 2
	addr, observers := publish(t, profile)
	c := dialUDP(t, addr, blockwise.SZX1024)
	_, observation := watch(t, c, segments("sync"))
	o := receive(t, observers, "the registration")
	require.ErrorIs(t, o.Notify(patient(t), content([]byte(largeAnswer()))), endpoint.ErrTimeout)
	receive(t, o.Done(), "the end of the observation")
	require.NoError(t, observation.Cancel(patient(t)))
	assert.Equal(t, "state 0", string(ask(t, c, codes.GET, segments("sync"), nil).body))
}
