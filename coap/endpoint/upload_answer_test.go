package endpoint

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/trace"
)

// flowing is a body that its handler writes under the context of the request, 100
// bytes each time.
func flowing(ctx context.Context, size int, pause time.Duration) io.Reader {
	r, w := io.Pipe()
	go func() {
		for range size / 100 {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				w.CloseWithError(ctx.Err())
				return
			}
			w.Write(make([]byte, 100))
		}
		w.Close()
	}()
	return r
}

// The context of an upload's handler lives as long as the response is fetched.
func TestUploadAnsweredByFlow(t *testing.T) {
	contexts := make(chan context.Context, 1)
	cfg := blocks(64, HandlerFunc(func(ctx context.Context, r *Request) *Response {
		io.Copy(io.Discard, r.Body)
		contexts <- ctx
		return &Response{Code: Content, Body: flowing(ctx, 1000, time.Second), Size: -1}
	}))
	together(t, cfg, cfg, perfect, func(t *testing.T, client, _ *Conn) {
		resp, err := client.Do(t.Context(), put("x", 300))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Len(t, body, 1000)
		time.Sleep(10 * time.Minute)
		require.Error(t, (<-contexts).Err(), "and no longer")
	})
}

// A handler that answers before it has read a body which is there reads it to its
// end: what is cut short does not look whole.
func TestBodyReadAfterTheAnswer(t *testing.T) {
	read := make(chan int, 1)
	cfg := blocks(64, HandlerFunc(func(_ context.Context, r *Request) *Response {
		time.Sleep(time.Second)
		go func() {
			time.Sleep(time.Second)
			n, err := io.Copy(io.Discard, r.Body)
			require.NoError(t, err)
			read <- int(n)
		}()
		return &Response{Code: Changed}
	}))
	together(t, cfg, cfg, perfect, func(t *testing.T, client, _ *Conn) {
		_, err := client.Do(t.Context(), put("x", 300))
		require.NoError(t, err)
		time.Sleep(10 * time.Second)
		require.Equal(t, 300, <-read)
	})
}

// empties counts empty acknowledgements.
type empties struct{ sent atomic.Int32 }

func (e *empties) Record(ev trace.Event) {
	if ev.Kind == trace.Sent && ev.Code == 0 && ev.Type == uint8(Acknowledgement) {
		e.sent.Add(1)
	}
}

// However soon the handler has read the last block, the acknowledgement of that
// carries the response: a separate one would cost a turn of the link.
func TestUploadAnsweredInItsAcknowledgement(t *testing.T) {
	seen := &empties{}
	cfg := blocks(64, HandlerFunc(mirror))
	cfg.Recorder = seen
	together(t, cfg, cfg, perfect, func(t *testing.T, client, server *Conn) {
		client.SetPeer(cfg.Profile)
		server.SetPeer(cfg.Profile)
		for range 1000 {
			exchangeBytes(t, client, 150)
		}
		require.Zero(t, seen.sent.Load())
	})
}
