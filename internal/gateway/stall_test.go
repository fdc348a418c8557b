package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// overPipe serves h with RunWeb to one connection, in virtual time.
func overPipe(t *testing.T, h http.HandlerFunc, client func(t *testing.T, conn net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		l := &pipeListener{conns: make(chan net.Conn, 1)}
		l.conns <- far
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- RunWeb(ctx, h, time.Millisecond, nil, l) }()
		client(t, near)
		near.Close()
		stop()
		require.NoError(t, <-ended)
	})
}

// TestStalledUpload: a client that falls silent in the middle of its request is gone.
func TestStalledUpload(t *testing.T) {
	var (
		err  error
		took time.Duration
	)
	overPipe(t, func(_ http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		_, err = io.ReadAll(r.Body)
		took = time.Since(begun)
	}, func(t *testing.T, conn net.Conn) {
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n123")
		time.Sleep(time.Hour)
	})
	assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
	assert.Equal(t, stallTimeout, took)
}

// TestStalledDownload: so is one that does not take its answer.
func TestStalledDownload(t *testing.T) {
	for name, flush := range map[string]bool{"write": false, "flush": true} {
		t.Run(name, func(t *testing.T) {
			var (
				err  error
				took time.Duration
			)
			overPipe(t, func(w http.ResponseWriter, _ *http.Request) {
				begun := time.Now()
				if flush {
					io.WriteString(w, "x")
					err = http.NewResponseController(w).Flush()
				} else {
					_, err = w.Write(make([]byte, 1<<20))
				}
				took = time.Since(begun)
			}, func(t *testing.T, conn net.Conn) {
				io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
				time.Sleep(time.Hour)
			})
			assert.ErrorIs(t, err, os.ErrDeadlineExceeded)
			assert.Equal(t, stallTimeout, took)
		})
	}
}

// TestSlowLinkIsNoStall: the link may take hours between two pieces of a body, in
// either direction, and over HTTP/1.1 and HTTP/2 alike.
func TestSlowLinkIsNoStall(t *testing.T) {
	for _, two := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			const size = 4_000_000 // more than HTTP/2 takes ahead
			near, far := net.Pipe()
			l := &pipeListener{conns: make(chan net.Conn, 1)}
			l.conns <- far
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				ended <- RunWeb(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					assert.Equal(t, two, r.ProtoMajor == 2)
					body := make([]byte, size)
					for piece := range slices.Chunk(body, size/4) {
						_, err := io.ReadFull(r.Body, piece)
						assert.NoError(t, err)
						time.Sleep(time.Hour)
					}
					for piece := range slices.Chunk(body, size/4) {
						_, err := w.Write(piece)
						assert.NoError(t, err)
						assert.NoError(t, http.NewResponseController(w).Flush())
						time.Sleep(time.Hour)
					}
					assert.NoError(t, r.Context().Err())
				}), time.Millisecond, nil, l)
			}()
			var p http.Protocols
			p.SetHTTP1(!two)
			p.SetUnencryptedHTTP2(two)
			transport := &http.Transport{
				Protocols:   &p,
				DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil },
			}
			body := strings.Repeat("0123456789", size/10)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://h/", strings.NewReader(body))
			require.NoError(t, err)
			res, err := transport.RoundTrip(r)
			require.NoError(t, err)
			got, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, body, string(got))
			res.Body.Close()
			transport.CloseIdleConnections()
			stop()
			require.NoError(t, <-ended)
		})
	}
}

// TestStallWithoutConnection: a handler that is called without a connection works.
func TestStallWithoutConnection(t *testing.T) {
	w := httptest.NewRecorder()
	cutStalled(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(w, r.Body)
		assert.NoError(t, err)
		assert.NoError(t, http.NewResponseController(w).Flush())
		assert.True(t, errors.Is(http.NewResponseController(w).EnableFullDuplex(), http.ErrNotSupported))
	})).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("body")))
	assert.Equal(t, "body", w.Body.String())
	assert.True(t, w.Flushed)
}
