package gateway

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"

	"github.com/coapgw/coapgw/coap"
)

// Connect is the client's side of a pair as an http.Handler: it takes the
// requests of Matrix clients to a coap.Transport.
type Connect struct {
	proxy     *httputil.ReverseProxy
	advertise *url.URL
	maxBody   int64
	names     names
	origins   origins
}

// ConnectOptions says where a Connect sends its requests.
type ConnectOptions struct {
	// Transport carries the requests: a *coap.Transport, or a *join.Transport in
	// front of it for clients that are less patient than the link is slow.
	Transport http.RoundTripper
	// Advertise replaces the homeserver's URL in discovery and login answers, so
	// that clients stay on the link; nil leaves it alone.
	Advertise *url.URL
	// Names are the hosts by which clients may call this gateway in plain HTTP besides
	// its addresses, "localhost" and the host of Advertise.
	Names []string
	// Origins are the web pages that may use this gateway, as "https://app.example"; nil
	// means all of them, as the Matrix specification has it. What is no web page sends no
	// origin and is not meant.
	Origins []string
	// MaxBody bounds the bodies of requests, in bytes; 0 means no bound.
	MaxBody int64
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
}

// far is the URL under which coap.Transport gets its requests. It has one peer,
// so the host says nothing.
var far = url.URL{Scheme: "coap", Host: "gateway"}

// NewConnect returns a Connect.
func NewConnect(o ConnectOptions) *Connect {
	log := logOrDiscard(o.Log)
	origins := origins(o.Origins)
	return &Connect{
		advertise: o.Advertise,
		names:     newNames(o.Advertise, o.Names),
		origins:   origins,
		maxBody:   o.MaxBody,
		proxy: &httputil.ReverseProxy{
			Transport:  o.Transport,
			BufferPool: &bufferPool{},
			Rewrite: func(p *httputil.ProxyRequest) {
				retarget(p.Out.URL, p.In.URL, &far)
				writeOut(p.Out.URL)
				stripForwarding(p.Out.Header)
				// What concerns only the connection between client and us: we take any
				// length at once.
				for _, name := range []string{"Expect", "Connection"} {
					p.Out.Header.Del(name)
				}
			},
			ModifyResponse: func(res *http.Response) error {
				applyEdit(res, editFrom(res.Request.Context()))
				tellLength(res)
				origins.set(res.Header, res.Request)
				if isMedia(res.Request.URL.Path) {
					setMediaSecurity(res.Header)
				}
				return nil
			},
			ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				e := upstreamError(err, "far gateway")
				if r.Context().Err() == nil {
					log.Warn("request failed", "method", r.Method, "status", e.Status, "error", err)
				}
				origins.set(w.Header(), r)
				writeError(w, e)
			},
			ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
	}
}

// tellLength has the client know how much comes, where the far end has said so: a Transport over
// CoAP has that in no header, but for nil where it is an estimate, and httputil.ReverseProxy looks
// nowhere else.
func tellLength(res *http.Response) {
	if _, said := res.Header["Content-Length"]; !said && res.ContentLength > 0 && res.Request.Method != http.MethodHead {
		res.Header.Set("Content-Length", strconv.FormatInt(res.ContentLength, 10))
	}
}

// ServeHTTP implements http.Handler. The context of r should end when the client goes
// away, as http.Server sees to for HTTP/1.1 (once the request was read) and HTTP/2.
// What then becomes of the exchange is up to the Transport.
//
// Nothing here bounds the wait for an answer: the link does, and says so with 504. A
// bound of ours would be wrong on one link or the other.
func (c *Connect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refused := c.admit(r); refused != nil {
		writeError(w, refused) // without a word to the page: no CORS
		return
	}
	if r.Method == http.MethodOptions {
		c.origins.set(w.Header(), r)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if c.maxBody > 0 {
		if r.ContentLength > c.maxBody {
			c.origins.set(w.Header(), r)
			writeError(w, errTooLarge())
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, c.maxBody)
	}
	r.Body = clientBody{r.Body}
	if _, ok := r.Header["Upgrade"]; ok { // no other protocol is spoken here: nobody need look at it
		r = r.Clone(r.Context())
		r.Header.Del("Upgrade")
	}
	// An answer without Content-Type has none here either: nil keeps net/http from guessing.
	w.Header()["Content-Type"] = nil
	c.proxy.ServeHTTP(w, r.WithContext(withEdit(r.Context(), discoveryEdit(r, c.advertise, false))))
}

// admit says why a request is not served at all, nil if it is.
func (c *Connect) admit(r *http.Request) *coap.Error {
	switch {
	case !c.names.own(r):
		return errNotOwnName()
	case foreign(r) || !c.origins.allows(r):
		return errForeign()
	}
	return nil
}
