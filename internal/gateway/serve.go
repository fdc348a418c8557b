package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/coapgw/coapgw/coap"
)

// Serve is the homeserver's side of a pair as an http.Handler: what coap.Server
// hands it goes to the homeserver, and to no other host.
type Serve struct {
	proxy     *httputil.ReverseProxy
	transport *http.Transport // nil when it is the caller's
	advertise *url.URL
}

// ServeOptions says how a Serve reaches its homeserver.
type ServeOptions struct {
	// Homeserver is the base URL of the homeserver.
	Homeserver *url.URL
	// Advertise replaces the homeserver's own URL in discovery and login answers;
	// nil leaves them alone.
	Advertise *url.URL
	// ConnectTimeout bounds the opening of a connection, TLS included;
	// 0 means 10 seconds.
	ConnectTimeout time.Duration
	// ResponseTimeout bounds the wait for a response header; 0 means no bound.
	ResponseTimeout time.Duration
	// RootCAs are whom an https homeserver's certificate must be signed by; nil means
	// those that the system trusts.
	RootCAs *x509.CertPool
	// Transport carries the requests; nil means HTTP, with the bounds above. It is
	// for homeservers that run in the same process.
	Transport http.RoundTripper
	// Wrap puts something in front of what carries requests to the homeserver, right at it;
	// nil puts nothing there.
	Wrap func(http.RoundTripper) http.RoundTripper
	// SlowLinks is what is done for peers behind slow links; nil is nothing.
	SlowLinks *SlowLinks
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
}

// NewServe returns a Serve. Close it after its last request.
func NewServe(o ServeOptions) *Serve {
	log := logOrDiscard(o.Log)
	s := &Serve{advertise: o.Advertise}
	if o.Transport == nil {
		s.transport = newTransport(o)
		o.Transport = s.transport
	}
	o.Transport = verbatim{o.Transport}
	o.wrap()
	s.proxy = &httputil.ReverseProxy{
		Transport:  &slowLinks{base: o.Transport, does: o.SlowLinks},
		BufferPool: &bufferPool{},
		Rewrite: func(p *httputil.ProxyRequest) {
			retarget(p.Out.URL, p.In.URL, o.Homeserver)
			p.Out.Host = ""
			announcePeer(p.In.Context(), p.Out.Header)
			// Without this header http.Transport asks for gzip and undoes it; CBOR
			// has to begin with plain JSON.
			p.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(res *http.Response) error {
			if res.StatusCode < http.StatusOK {
				return errNoStatus // 101, which nobody asked for, or no status of HTTP at all
			}
			applyEdit(res, editFrom(res.Request.Context()))
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				log.Warn("homeserver did not answer", "method", r.Method, "error", err)
			}
			writeError(w, upstreamError(err, "homeserver"))
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return s
}

var errNoStatus = errors.New("the homeserver's answer has no final status of HTTP")

// wrap puts Wrap in front of Transport, once.
func (o *ServeOptions) wrap() {
	if o.Wrap != nil {
		o.Transport, o.Wrap = o.Wrap(o.Transport), nil
	}
}

func newTransport(o ServeOptions) *http.Transport {
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	return &http.Transport{
		DialContext:           (&net.Dialer{Timeout: o.ConnectTimeout}).DialContext,
		TLSHandshakeTimeout:   o.ConnectTimeout,
		TLSClientConfig:       &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		ResponseHeaderTimeout: o.ResponseTimeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		// The default is 10 MB, held for each request.
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// ServeHTTP implements http.Handler. It panics with http.ErrAbortHandler when the
// homeserver breaks off in the middle of a body, so that half an answer is never
// taken for a whole one.
func (s *Serve) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := withEdit(r.Context(), discoveryEdit(r, s.advertise, true))
	// httputil.ReverseProxy panics only where it sees that a server recovers.
	ctx = context.WithValue(ctx, http.ServerContextKey, s)
	s.proxy.ServeHTTP(w, r.WithContext(ctx))
}

// Close gives back the connections to the homeserver.
func (s *Serve) Close() {
	if s.transport != nil {
		s.transport.CloseIdleConnections()
	}
}

// announcePeer tells the homeserver for whom a request is made. Homeservers limit
// rates by address: without it all peers would share one limit.
func announcePeer(ctx context.Context, h http.Header) {
	stripForwarding(h)
	peer, ok := coap.PeerFrom(ctx)
	if !ok {
		return
	}
	if addr := forwardedFor(peer.Identity, peer.Addr); addr != "" {
		h.Set("X-Forwarded-For", addr)
	}
}

// logOrDiscard returns log, or a logger that writes nothing.
func logOrDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
