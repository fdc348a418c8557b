package endpoint

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coapgw/coapgw/coap/trace"
)

const (
	defaultMaxBody     = 64 << 20
	defaultMaxRequests = 64
	// minReadBuffer holds the first datagram of any peer, whose link is not known
	// yet: the largest MTU of the profiles in package link.
	minReadBuffer = 2048
	// unknownPeerAckDelay bounds the wait before the empty acknowledgement towards
	// a peer whose ACK_TIMEOUT may be that of RFC 7252 §4.8: two seconds.
	unknownPeerAckDelay = time.Second
)

// Conn is one session with one peer. All methods may be called concurrently.
type Conn struct {
	nc   net.Conn
	cfg  *Config
	log  *slog.Logger
	gate gate
	// tally is what Stats tells.
	tally tally
	// current is what the session goes by, see terms. It is replaced with mu held.
	current atomic.Pointer[terms]
	// answersInquiries: see AnswersInquiries.
	answersInquiries atomic.Bool

	ctx    context.Context // ends with the session
	cancel context.CancelFunc
	wg     sync.WaitGroup // every goroutine

	mu       sync.Mutex
	received uint64 // datagrams
	// heard is when the last datagram came.
	heard       time.Time
	mids        messageIDs
	tokens      tokens
	outstanding map[uint16]*transmission // our confirmable messages, by message ID
	exchanges   map[token]*exchange      // our requests, by token
	seen        duplicates
	claims      map[uint64]int // exchanges of ours, by transferKey, see claim
	tag         uint32         // the last Request-Tag
	serving     int            // handlers running
	quiet       chan struct{}  // closed when none runs, nil while nobody waits
	vigil       vigil
	lastPath    uint32              // of the last datagram but the one being handled
	echoes      *echoes             // nil until a request is challenged
	pathCheck   *pathCheck          // see checkPath, nil while none is under way
	strays      int                 // checks of the path in vain since the peer sent something unasked
	withheld    []withheldAnswer    // see withhold
	attended    map[token]int       // requests being served, see attend
	fetching    int                 // block requests being answered
	uploads     []*upload           // of the peer
	downloads   []*download         // of the peer
	sending     map[token]*bulkSend // responses under way in Q-Block2 blocks
	gets        []*bulkGet          // request bodies of the peer in Q-Block1 blocks
	parked      []parkedBody        // downloads of ours that were given up
	maxBody     atomic.Int64        // see SetMaxBody
	putting     atomic.Int32        // bodies of ours under way in Q-Block1 blocks
	kept        shelf               // what downloads of ours keep
	parkedPuts  []parkedPut         // uploads of ours that were given up
	bulkIDs     uint16              // see bulkID
	observers   map[token]*Observer
	// observeSequence is the next number of a notification (RFC 7641 §4.4).
	observeSequence uint32
	// hearing is closed at the next datagram, nil while nobody waits for it.
	hearing   chan struct{}
	estimator *estimator
	out       outbox
	over      bool // Close was called
	quiesced  bool // Quiesce was
	sweeper   *time.Timer
	sweepAt   time.Time
}

// New starts a session over c, which keeps datagram boundaries, and takes it
// over: Close closes it. It starts one goroutine, which reads.
func New(c net.Conn, cfg Config) *Conn {
	if cfg.MaxRequests == 0 {
		cfg.MaxRequests = defaultMaxRequests
	}
	conn := &Conn{
		nc:     c,
		cfg:    &cfg,
		log:    cfg.Log,
		mids:   newMessageIDs(),
		tokens: newTokens(cfg.Lives),
		seen:   newDuplicates(cfg.Quota),
	}
	conn.SetMaxBody(cfg.MaxBody)
	t := newTerms(&cfg)
	conn.current.Store(t)
	conn.estimator = newEstimator(t)
	conn.gate.resize(t.profile.NStart)
	if conn.log == nil {
		conn.log = slog.New(slog.DiscardHandler)
	}
	conn.ctx, conn.cancel = context.WithCancel(context.Background())
	conn.start(func() {
		conn.read()
		_ = conn.Close() // after a panic it ends with that
	})
	return conn
}

// RemoteAddr returns the address of the peer, which may change during a session.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// SetMaxBody changes Config.MaxBody: it holds for what arrives from now on, also of bodies
// of which a part is there.
func (c *Conn) SetMaxBody(bytes int64) {
	if bytes == 0 {
		bytes = defaultMaxBody
	}
	c.maxBody.Store(bytes)
}

// Done is closed when the session is over.
func (c *Conn) Done() <-chan struct{} { return c.ctx.Done() }

// Lifetime is how long after it was given up a request of ours may still arrive at the
// peer: EXCHANGE_LIFETIME (RFC 7252 §4.8.2), the longer one of both ends as far as that is
// known (see SetPeer). What waits to be sent when a request is given up never is.
func (c *Conn) Lifetime() time.Duration { return c.terms().lifetime }

// Close ends the session: every call in progress fails with ErrClosed, and the
// contexts of handlers end. It does not wait for them: see Wait. It returns the
// error of the underlying connection, and nil when called again.
func (c *Conn) Close() error { return c.end(ErrClosed) }

// end is Close, with what calls in progress fail with.
func (c *Conn) end(why error) error {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return nil
	}
	c.over = true
	c.mu.Unlock()
	// First the connection: who hears that the session is over may open it again.
	err := c.nc.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sweeper != nil {
		c.sweeper.Stop()
	}
	if c.out.timer != nil {
		c.out.timer.Stop()
	}
	if c.vigil.timer != nil {
		c.vigil.timer.Stop()
	}
	if c.hearing != nil {
		close(c.hearing)
	}
	for _, t := range c.outstanding {
		c.settle(t, why)
	}
	for _, x := range c.exchanges {
		x.finish(reply{err: why})
	}
	for len(c.downloads) > 0 {
		c.dropDownload(c.downloads[0])
	}
	c.seen.release()
	c.cancel() // after the last goroutine was started: see Wait
	return err
}

// Wait returns when the session is over and every goroutine that it started has
// ended. A handler must not call it.
func (c *Conn) Wait() {
	<-c.ctx.Done()
	c.wg.Wait()
}

// closed reports whether the session is over. c.mu is held.
func (c *Conn) closed() bool { return c.over }

// read is the goroutine of the session.
func (c *Conn) read() {
	var buf []byte
	failures := 0
	for {
		if n := c.terms().readBuffer(); n > len(buf) {
			buf = make([]byte, n)
		}
		n, err := c.nc.Read(buf)
		if err == nil {
			failures = 0
			c.receive(buf[:n])
			continue
		}
		if c.ctx.Err() != nil || !transient(err) {
			return
		}
		c.log.Debug("coap: read failed", "err", err)
		failures++
		if !c.pause(time.Millisecond << min(failures, 10)) {
			return
		}
	}
}

// transient reports whether reading may succeed later: an ICMP error that a
// connected UDP socket reports, or a deadline. Everything else ends the session.
func transient(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return false
	}
	var timeout net.Error
	var errno syscall.Errno
	return errors.As(err, &timeout) && timeout.Timeout() || errors.As(err, &errno)
}

// pause waits; it returns false when the session ended meanwhile.
func (c *Conn) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// record hands an event to the recorder.
func (c *Conn) record(kind trace.Kind, data []byte) {
	c.tally.event(kind, len(data), c.terms())
	if c.cfg.Recorder == nil {
		return
	}
	e := trace.Event{Session: c.cfg.Session, Kind: kind, At: time.Now(), Bytes: len(data)}
	if len(data) >= headerLen {
		e.Type, e.Code = data[0]>>4&3, data[1]
		e.MessageID = uint16(data[2])<<8 | uint16(data[3])
	}
	c.cfg.Recorder.Record(e)
}

// sweepBefore has the sweeper run at t at the latest. c.mu is held.
func (c *Conn) sweepBefore(t time.Time) {
	if t.IsZero() || c.closed() || !c.sweepAt.IsZero() && !t.Before(c.sweepAt) {
		return
	}
	c.sweepAt = t
	if c.sweeper == nil {
		c.sweeper = c.after(time.Until(t), c.sweep)
		return
	}
	c.sweeper.Reset(time.Until(t))
}

// sweep forgets what has expired.
func (c *Conn) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed() {
		return
	}
	now := time.Now()
	down := c.out.outage.on // then transfers wait for its end
	c.sweepAt = time.Time{}
	c.sweepBefore(c.seen.expire(now))
	c.sweepWithheld(now)
	for _, d := range slices.Clone(c.downloads) {
		switch {
		case down:
		case now.Before(d.expires):
			c.sweepBefore(d.expires)
		default:
			c.dropDownload(d)
		}
	}
	if !down {
		c.sweepGets(now)
		c.sweepParked(now)
		c.sweepPuts(now)
	}
	for _, u := range slices.Clone(c.uploads) {
		switch {
		case down, u.current != nil: // it is our turn
		case now.Before(u.expires):
			c.sweepBefore(u.expires)
		default:
			c.failUpload(u, &BlockError{Offset: u.next, Reason: "peer stopped sending"})
		}
	}
}
