package https

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/delivery"
	"github.com/coapgw/coapgw/conformance/https/tcpnet"
	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// compression is the level of gzip that servers use.
const compression = 6

// protocol is a manner of speaking HTTPS.
type protocol struct {
	name  string // of delivery
	http2 bool   // with gzip: HTTP/1.1 is without, as homeservers speak it by themselves
}

var (
	http1 = protocol{delivery.HTTP1, false}
	http2 = protocol{delivery.HTTP2, true}
)

// enabled are the protocols as net/http wants them.
func (p protocol) enabled() *http.Protocols {
	enabled := new(http.Protocols)
	enabled.SetHTTP1(!p.http2)
	enabled.SetHTTP2(p.http2)
	return enabled
}

// pair is a client and a homeserver with a link between them.
type pair struct {
	*tcpnet.Network
	protocol protocol
	client   *http.Transport
	server   *http.Server
	served   chan error

	mu       sync.Mutex
	current  operations.Exchange
	answered time.Time
}

var _ delivery.Pair = (*pair)(nil)

// newPair joins a client and a homeserver that have never met. Cryptography draws
// from the seed of the link.
func newPair(t *testing.T, p protocol, l linkemu.Config, k tcpnet.Control) *pair {
	cryptotest.SetGlobalRandom(t, l.Seed)
	c := newChain(t)
	n := &pair{Network: tcpnet.New(l, k), protocol: p, served: make(chan error, 1)}
	n.client = &http.Transport{
		DialContext: n.DialContext, TLSClientConfig: &tls.Config{RootCAs: c.roots},
		DisableCompression: !p.http2, Protocols: p.enabled(),
	}
	n.server = &http.Server{
		Handler: n, TLSConfig: &tls.Config{Certificates: []tls.Certificate{c.certificate}},
		Protocols: p.enabled(), ErrorLog: log.New(io.Discard, "", 0),
	}
	listener, err := n.Listen()
	require.NoError(t, err)
	go func() { n.served <- n.server.ServeTLS(listener, "", "") }()
	return n
}

// close ends the pair.
func (n *pair) close(t *testing.T) {
	n.client.CloseIdleConnections()
	assert.NoError(t, n.server.Close())
	assert.ErrorIs(t, <-n.served, http.ErrServerClosed)
	n.Network.Close()
}

// ServeHTTP is the homeserver: it answers as the exchange says.
func (n *pair) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	e := n.current
	n.mu.Unlock()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
	if e.Hold > 0 {
		n.Sleep(e.Hold)
	}
	n.mu.Lock()
	n.answered = n.Now()
	n.mu.Unlock()
	header := w.Header()
	for name, values := range e.Response.Header {
		header[name] = values
	}
	body := e.Response.Body
	if zipped := zip(body); strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(zipped) < len(body) {
		header.Set("Content-Encoding", "gzip")
		body = zipped
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Response.Status)
	_, _ = w.Write(body) // fails when the client has gone
}

func zip(body []byte) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, compression)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // never: the level is legal and a buffer takes everything
	}
	return b.Bytes()
}

// errTooLong means that an exchange did not end by its limit of virtual time.
var errTooLong = errors.New("takes too long")

// Do implements delivery.Pair.
func (n *pair) Do(limit time.Duration, exchanges ...operations.Exchange) (took time.Duration, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	took, returned := n.Run(limit, func() {
		for _, e := range exchanges {
			if err := n.exchange(ctx, e); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	})
	if !returned {
		cancel()
		<-ended
		return took, errTooLong
	}
	return took, <-ended
}

// Rest implements delivery.Pair.
func (n *pair) Rest(d time.Duration) { n.Run(d+time.Second, func() { n.Sleep(d) }) }

// Answered implements delivery.Pair.
func (n *pair) Answered() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.answered
}

// Stats implements delivery.Pair.
func (n *pair) Stats() linkemu.Stats { return n.Link() }

// exchange makes one exchange and compares what came with what was to come.
func (n *pair) exchange(ctx context.Context, e operations.Exchange) error {
	n.mu.Lock()
	n.current = e
	n.mu.Unlock()
	r, err := http.NewRequestWithContext(ctx, e.Request.Method, "https://"+serverName+e.Request.URI, bytes.NewReader(e.Request.Body))
	if err != nil {
		return err
	}
	r.Header = e.Request.Header.Clone()
	resp, err := n.client.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != e.Response.Status || !bytes.Equal(body, e.Response.Body) {
		return fmt.Errorf("%s %s: answered %d with %d B instead of %d with %d B", e.Request.Method, e.Request.URI,
			resp.StatusCode, len(body), e.Response.Status, len(e.Response.Body))
	}
	return nil
}
