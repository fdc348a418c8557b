package gateway

import (
	"cmp"
	"container/list"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/coapgw/coapgw/coap"
)

// Limits bounds what peers may ask of a homeserver. A peer is an identity, whatever
// sessions it has; without one it is an IPv4 address or a /64 of IPv6. In each field 0
// means the default and a negative number no limit.
//
// The long-polls that an observation of /sync takes are requests too, one at a time for
// each user.
type Limits struct {
	// Rate is how many requests a second one peer may make for long, default 100, and
	// Burst how many at once after a pause, default 1,000: a client that starts asks for
	// much.
	Rate  float64
	Burst int
	// Concurrent is how many requests of one peer may be under way, default 256.
	Concurrent int
	// Bytes is how many bytes a second the bodies of one peer's requests and their
	// answers may have for long, default 4 MiB, and BytesBurst how many after a pause,
	// default 256 MiB. A body that was begun is never cut: it is the next request
	// that is refused.
	Bytes      float64
	BytesBurst int
	// TotalRate, TotalBurst and TotalConcurrent are the same for all peers together,
	// defaults 2,000, 10,000 and 20,000.
	TotalRate       float64
	TotalBurst      int
	TotalConcurrent int
	// Peers is of how many idle peers it is remembered what they have used, default
	// 10,000. The one idle for longest is forgotten, and may begin with a burst again.
	Peers int
}

// withDefaults fills in what is 0.
func (l Limits) withDefaults() Limits {
	return Limits{
		Rate: cmp.Or(l.Rate, 100), Burst: cmp.Or(l.Burst, 1000),
		Concurrent: cmp.Or(l.Concurrent, 256),
		Bytes:      cmp.Or(l.Bytes, 4<<20), BytesBurst: cmp.Or(l.BytesBurst, 256<<20),
		TotalRate: cmp.Or(l.TotalRate, 2000), TotalBurst: cmp.Or(l.TotalBurst, 10_000),
		TotalConcurrent: cmp.Or(l.TotalConcurrent, 20_000),
		Peers:           max(cmp.Or(l.Peers, 10_000), 1),
	}
}

// bucket is the limit and the burst of a rate.Limiter for a rate that may be none.
func bucket(perSecond float64, burst int) (rate.Limit, int) {
	if perSecond < 0 || burst < 0 {
		return rate.Inf, 0
	}
	return rate.Limit(perSecond), burst
}

// busyRetry is after how long who met a full house may try again.
const busyRetry = 5 * time.Second

// maxRetry bounds what is told: a peer that owes more may ask when it is over.
const maxRetry = time.Hour

// limiter counts for Limits.
type limiter struct {
	mu      sync.Mutex
	limits  Limits
	total   *rate.Limiter
	running int
	peers   map[string]*limited
	// idle are the names of peers of which nothing is under way, the latest first. Those
	// with requests are bounded by TotalConcurrent.
	idle *list.List
}

// limited is what one peer has used.
type limited struct {
	requests, bytes *rate.Limiter
	running         int           // guarded by limiter.mu
	idle            *list.Element // its place in limiter.idle, nil while running
}

func newLimiter(l Limits) *limiter {
	l = l.withDefaults()
	return &limiter{limits: l, total: rate.NewLimiter(bucket(l.TotalRate, l.TotalBurst)), peers: make(map[string]*limited), idle: list.New()}
}

func (l *limiter) set(to Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = to.withDefaults()
	reset(l.total, l.limits.TotalRate, l.limits.TotalBurst)
	for _, p := range l.peers {
		reset(p.requests, l.limits.Rate, l.limits.Burst)
		reset(p.bytes, l.limits.Bytes, l.limits.BytesBurst)
	}
	l.forget()
}

func reset(r *rate.Limiter, perSecond float64, burst int) {
	limit, size := bucket(perSecond, burst)
	r.SetLimit(limit)
	r.SetBurst(size)
}

// tooMuch is a request that is refused.
type tooMuch struct {
	why   Refusal
	after time.Duration // until it may be made again
}

// enter admits a request of a peer, which leave must follow, or says why not.
func (l *limiter) enter(name string) (*limited, *tooMuch) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.peers[name]
	if p == nil {
		p = &limited{requests: rate.NewLimiter(bucket(l.limits.Rate, l.limits.Burst)), bytes: rate.NewLimiter(bucket(l.limits.Bytes, l.limits.BytesBurst))}
		l.peers[name] = p
		p.idle = l.idle.PushFront(name)
		l.forget()
	}
	// First what is the peer's own, so that who asks too much takes nothing of the others'.
	switch {
	case above(p.running, l.limits.Concurrent):
		return nil, &tooMuch{RefusedConcurrent, busyRetry}
	case debt(p.bytes, now) > 0:
		return nil, &tooMuch{RefusedBytes, debt(p.bytes, now)}
	case above(l.running, l.limits.TotalConcurrent):
		return nil, &tooMuch{RefusedLoad, busyRetry}
	}
	own := p.requests.ReserveN(now, 1)
	if wait := delay(own, now); wait > 0 {
		own.CancelAt(now)
		return nil, &tooMuch{RefusedRate, wait}
	}
	all := l.total.ReserveN(now, 1)
	if wait := delay(all, now); wait > 0 {
		all.CancelAt(now)
		own.CancelAt(now)
		return nil, &tooMuch{RefusedLoad, max(wait, busyRetry)}
	}
	if p.running++; p.idle != nil {
		l.idle.Remove(p.idle)
		p.idle = nil
	}
	l.running++
	return p, nil
}

// delay is how long a reservation has to wait; one that can never be had waits for ever.
func delay(r *rate.Reservation, now time.Time) time.Duration {
	if !r.OK() {
		return maxRetry
	}
	return r.DelayFrom(now)
}

// leave ends a request that was admitted.
func (l *limiter) leave(name string, p *limited) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running--
	if p.running--; p.running == 0 {
		p.idle = l.idle.PushFront(name)
		l.forget()
	}
}

// forget keeps what is remembered of idle peers within bounds. l.mu is held.
func (l *limiter) forget() {
	for l.idle.Len() > l.limits.Peers {
		delete(l.peers, l.idle.Remove(l.idle.Back()).(string))
	}
}

// above reports whether one more is too many.
func above(running, limit int) bool { return limit >= 0 && running >= limit }

// debt is how long it takes until what was used of r beyond its burst is paid.
func debt(r *rate.Limiter, now time.Time) time.Duration {
	if r.Limit() == rate.Inf {
		return 0
	}
	owed := -r.TokensAt(now)
	if owed <= 0 {
		return 0
	}
	return time.Duration(min(owed/math.Max(float64(r.Limit()), 1e-9)*float64(time.Second), float64(maxRetry)))
}

// used takes n bytes from what the peer may have, into debt where it must.
func (p *limited) used(n int) {
	for n > 0 {
		part := n
		if burst := p.bytes.Burst(); p.bytes.Limit() != rate.Inf {
			part = min(n, burst)
		}
		if part <= 0 {
			return
		}
		p.bytes.ReserveN(time.Now(), part)
		n -= part
	}
}

// write answers with what is refused (RFC 6585 §4). The body says when, too, for clients of
// Matrix before version 1.10, which do not look at Retry-After.
func (t *tooMuch) write(w http.ResponseWriter) {
	seconds := int64(min(max((t.after+time.Second-1)/time.Second, 1), maxRetry/time.Second))
	status, text := http.StatusTooManyRequests, "too many requests to this gateway"
	if t.why == RefusedLoad {
		status, text = http.StatusServiceUnavailable, "this gateway is busy"
	}
	body, err := json.Marshal(struct {
		ErrCode string `json:"errcode"`
		Error   string `json:"error"`
		After   int64  `json:"retry_after_ms"`
	}{"M_LIMIT_EXCEEDED", text, seconds * 1000})
	if err != nil { // strings and a number always marshal
		panic(err)
	}
	h := w.Header()
	h.Set("Retry-After", strconv.FormatInt(seconds, 10))
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// limitedAs is the name under which a peer is counted. An identity is never taken for an
// address. Who has a network of IPv6 has a /64 of it (RFC 4291 §2.5.4).
func limitedAs(peer coap.Peer) string {
	if peer.Identity != "" {
		return "identity " + peer.Identity
	}
	addr, err := netip.ParseAddr(forwardedFor("", peer.Addr))
	if err != nil {
		return ""
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	return "address " + addr.String()
}

// meteredBody is the body of a request whose bytes count.
type meteredBody struct {
	io.ReadCloser
	of *limited
}

// Read implements io.Reader.
func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.of.used(n)
	return n, err
}

// meteredWriter is an answer whose bytes count.
type meteredWriter struct {
	http.ResponseWriter
	of *limited
}

// Write implements io.Writer.
func (w *meteredWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.of.used(n)
	return n, err
}

// Unwrap returns what http.ResponseController looks for.
func (w *meteredWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
