package coap

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Status is what a Transport or a Server knows at a moment of its sessions. Paths in it
// name rooms and users: it is for the person at the link, not for logs or metrics, where
// Route stands for them.
type Status struct {
	// Since is when the first session began, zero before that.
	Since time.Time
	// Opened are sessions that began, of which Resumed went on from an earlier life of
	// this end without a handshake. Failed are those that could not be opened, Refused
	// those beyond Server.MaxSessions.
	Opened, Resumed, Failed, Refused uint64
	// Failing: the latest try of a Transport to open a session came to nothing.
	Failing bool
	// Displaced are sessions that made room for others, Resting those in a store, and Shaking
	// handshakes under way. Only the listener of a Server knows them: who owns it adds them.
	Displaced        uint64
	Resting, Shaking int
	// Total is of all sessions, those that have ended included.
	Total Totals
	// Sessions are those that are open, in the order in which they began.
	Sessions []SessionStatus
	// UnderWay is how many requests are; Requests are the oldest ones, at most
	// maxListed.
	UnderWay int
	Requests []RequestStatus
}

// maxListed bounds Status.Requests.
const maxListed = 256

// Totals count what sessions did.
type Totals struct {
	// Sent and Received are datagrams that carry CoAP messages: handshakes are not among
	// them.
	Sent, Received                                 endpoint.Traffic
	Retransmissions, Duplicates, Malformed, GaveUp uint64
	// Requests and Responses count those that were whole and of known length.
	Requests, Responses Content
}

// Content counts HTTP messages and what became of them.
type Content struct {
	// Messages counts requests or responses.
	Messages uint64
	// Plain is the bytes of path, query and body; Coded is the bytes of options and
	// payload on the link in their place.
	Plain, Coded uint64
}

func (c *Content) add(other Content) {
	c.Messages += other.Messages
	c.Plain += other.Plain
	c.Coded += other.Coded
}

func (c *Totals) add(s endpoint.Stats) {
	addTraffic(&c.Sent, s.Sent)
	addTraffic(&c.Received, s.Received)
	c.Retransmissions += s.Retransmissions
	c.Duplicates += s.Duplicates
	c.Malformed += s.Malformed
	c.GaveUp += s.GaveUp
}

func addTraffic(to *endpoint.Traffic, t endpoint.Traffic) {
	to.Datagrams += t.Datagrams
	to.Bytes += t.Bytes
	to.LinkBytes += t.LinkBytes
	to.Airtime += t.Airtime
}

// SessionStatus is what is known of one session.
type SessionStatus struct {
	// Number tells the sessions of a Transport or a Server apart; it is that of
	// trace.Event.
	Number uint64
	// Identity is what the peer of a Server proved to be, and Address where it is at the
	// moment.
	Identity, Address string
	// Began is when this end opened the session. Lives counts those before, where it was
	// resumed.
	Began time.Time
	Lives uint32
	Peer  PeerKind
	// Version is the wire version that requests go by: 2 once that is agreed on. Format
	// is its identity, empty for version 1.
	Version int
	Format  string
	// Stats is of the message layer. Labels of its Transfers are left out.
	Stats endpoint.Stats
	// Transfers are the bodies under way that take several datagrams, oldest first.
	Transfers []TransferStatus
}

// TransferStatus is a body under way.
type TransferStatus struct {
	RequestName
	endpoint.Transfer
}

// RequestStatus is a request under way.
type RequestStatus struct {
	RequestName
	// Session is the number of its session; 0 in a Transport, where a request may wait
	// for one.
	Session uint64
	Began   time.Time
}

// RequestName says what a request is.
type RequestName struct {
	// Method is that of HTTP, such as "PUT".
	Method string
	// Path is escaped, and has no query. It is empty while it is not known.
	Path string
	// Route is Path with what differs from request to request in braces, or "other"
	// where the path is none of Matrix.
	Route string
}

// otherRoute is the route of a path that is none of Matrix.
const otherRoute = "other"

// Route returns the route of a request: one of a bounded set. See RequestName.
func Route(method, escapedPath string) string {
	if pattern, ok := dialect.RoutePattern(method, escapedPath); ok {
		return pattern
	}
	return otherRoute
}

// label is how the message layer knows a request.
func label(method, escapedPath string) string { return method + " " + escapedPath }

func labelled(label string) RequestName {
	method, path, ok := strings.Cut(label, " ")
	if !ok {
		return RequestName{Route: otherRoute}
	}
	return RequestName{Method: method, Path: path, Route: Route(method, path)}
}

// book keeps what Status tells.
type book struct {
	mu      sync.Mutex
	status  Status // but for what is computed
	last    uint64 // the number of the latest session
	live    map[uint64]*liveSession
	started uint64 // the number of the latest request
	under   map[uint64]*RequestStatus
}

// liveSession is a session that is open.
type liveSession struct {
	number   uint64
	identity string
	began    time.Time
	lives    uint32
	conn     *endpoint.Conn
	// describe adds what the session knows of itself.
	describe func(*SessionStatus)
}

// number gives a session its number.
func (b *book) number() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	return b.last
}

// open enters a session.
func (b *book) open(s *liveSession) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.live == nil {
		b.live = make(map[uint64]*liveSession)
	}
	b.live[s.number] = s
	s.began = time.Now()
	if b.status.Since.IsZero() {
		b.status.Since = s.began
	}
	b.status.Opened++
	b.status.Failing = false
	if s.lives > 0 {
		b.status.Resumed++
	}
}

// each calls f with each session that is open.
func (b *book) each(f func(*endpoint.Conn)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.live {
		f(s.conn)
	}
}

// over takes a session out that has ended.
func (b *book) over(number uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.live[number]; s != nil {
		delete(b.live, number)
		b.status.Total.add(s.conn.Stats())
	}
}

func (b *book) failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Failed++
	b.status.Failing = true
}

func (b *book) refused() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Refused++
}

// begin enters a request; end is to be called when its response is over.
func (b *book) begin(r RequestStatus) (end func()) {
	r.Began = time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.under == nil {
		b.under = make(map[uint64]*RequestStatus)
	}
	b.started++
	n := b.started
	b.under[n] = &r
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.under, n)
	}
}

// carried counts a request and its response, each if both of its lengths are known.
func (b *book) carried(request, response Content) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status.Total.Requests.add(request)
	b.status.Total.Responses.add(response)
}

// content is a message of those lengths, and nothing where one is not known.
func content(plain, coded int64) Content {
	if plain < 0 || coded < 0 {
		return Content{}
	}
	return Content{Messages: 1, Plain: uint64(plain), Coded: uint64(coded)}
}

// snapshot is the Status.
func (b *book) snapshot() Status {
	b.mu.Lock()
	s := b.status
	live := make([]*liveSession, 0, len(b.live))
	for _, l := range b.live {
		live = append(live, l)
	}
	s.UnderWay = len(b.under)
	numbers := make([]uint64, 0, len(b.under))
	for n := range b.under {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers[:min(len(numbers), maxListed)] {
		r := *b.under[n]
		r.Route = Route(r.Method, r.Path)
		s.Requests = append(s.Requests, r)
	}
	b.mu.Unlock()

	slices.SortFunc(live, func(a, b *liveSession) int { return cmp.Compare(a.number, b.number) })
	for _, l := range live {
		one := SessionStatus{Number: l.number, Identity: l.identity, Began: l.began, Lives: l.lives, Stats: l.conn.Stats()}
		s.Total.add(one.Stats)
		for _, t := range one.Stats.Transfers {
			named := TransferStatus{labelled(t.Label), t}
			named.Label = ""
			one.Transfers = append(one.Transfers, named)
		}
		one.Stats.Transfers = nil
		l.describe(&one)
		s.Sessions = append(s.Sessions, one)
	}
	return s
}
