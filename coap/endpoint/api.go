package endpoint

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/trace"
)

// Request is a request of either role. The message layer adds and removes the
// options it owns (Observe, Block1, Block2, Q-Block1, Q-Block2, Size1, Size2 and,
// when a transfer needs one, Request-Tag); all others are the caller's.
type Request struct {
	// Code is the method (RFC 7252 §5.8, RFC 8132 §2), Options all but those that the
	// message layer owns.
	Code    Code
	Options Options
	// Body is the request payload; nil means none. A body that does not fit one
	// datagram travels block-wise (RFC 7959, RFC 9177) while it is read. On a request that
	// arrived, reading fetches the next block; it fails with a *BlockError when
	// the peer abandoned or spoiled the transfer.
	Body io.Reader
	// Size is the length of Body in bytes, -1 when it is not known.
	Size int64
	// Patience bounds the wait for the response to a request of ours that the peer
	// has acknowledged; Do then fails with ErrUnanswered. It is looked at each
	// MAX_TRANSMIT_WAIT; 0 means that only ctx and the life of the peer bound it.
	Patience time.Duration
	// Priority says before what else the request goes where the link is busy, block
	// by block, and Flow on whose behalf it is made. On a request that arrived the
	// handler may set both, before it registers an observer or else returns: they are
	// those of its response and its notifications.
	Priority Priority
	Flow     Flow
	// Label names the request in Stats. It never leaves this end. See SetLabel.
	Label string
	// Arrived, on a request of ours, is called at most once, when it is known that the peer
	// has admitted the request with its whole body, and will take what is still under way of
	// it for copies: it has acknowledged a request that fits one message (RFC 7252 §5.2.2),
	// or has sent a response. Do, Observe and Reregister call it before they return, on
	// their goroutine and with no lock held; it should return soon, for the response waits.
	// A request that failed without it may arrive within Conn.Lifetime. A Reset, an answer
	// that asks for the request again (Echo, RFC 9175 §2.3) and silence do not count. Who
	// counts requests in this way gets each of them made anew: it never goes on with what
	// is left of an earlier one, nor is it made again with Echo after it was acknowledged.
	Arrived func()

	// Set on requests that arrived:

	// Conn is the session on which the request arrived.
	Conn *Conn
	// Confirmable is false for a request that arrived in a NON message.
	Confirmable bool
	// Fingerprint is that of the message which carried a POST or a PATCH, or the first
	// block of its body; zero for other methods, which may be executed twice.
	Fingerprint Fingerprint
	// Fresh says that the request was made after a Challenge, so that it is no copy of an
	// old one which somebody has kept. It is false as long as no request was challenged.
	Fresh bool
	// Observe says what the Observe option of the request asked (RFC 7641 §2).
	Observe  ObserveAction
	token    []byte
	key      uint64 // see Conn.transferKey
	szx      uint8  // the largest block that the peer asked for
	observer *Observer
	head     []byte
	arriving *transfer // of Body, nil where it came as a whole
}

// SetLabel sets Label on a request that arrived: a Handler calls it when it knows what the
// request is, maybe only after it has read the body.
func (r *Request) SetLabel(label string) {
	r.Label = label
	r.arriving.name(label)
}

// Head is the payload of the message that carried a request which arrived, or of the
// first block of its body; nil for none. It takes nothing from Body, and must not be
// modified. A Handler may look at it in Admit, where reading the Body of a request in
// blocks would wait for messages that nobody receives meanwhile: the Body of other
// requests is wholly there.
func (r *Request) Head() []byte { return r.head }

// Token is that of a request that arrived: it names the observation for which a registration
// is made (RFC 7641 §3.1). It must not be modified.
func (r *Request) Token() []byte { return r.token }

// BlockSize is the largest block, in bytes, that the peer asked for with a request which
// arrived (RFC 7959 §2.2): further blocks of the response are no larger.
func (r *Request) BlockSize() int { return block{szx: r.szx}.size() }

// Life is which life of the client made a request that arrived. A client of this package
// names it in each token (see Config.Lives): the first byte of a token of two bytes or
// more, and 0, the first life, if it is shorter. Later lives have greater numbers, of
// which 255 is followed by 1. The tokens of other implementations mean nothing of the
// kind: of their requests it is an arbitrary number, which may differ from one to the
// next and is in nobody's way who only tells lives apart.
func (r *Request) Life() uint8 {
	if len(r.token) < 2 {
		return 0
	}
	return r.token[0]
}

// ObserveAction is the meaning of the Observe option in a request (RFC 7641 §2).
type ObserveAction uint8

// Values of Request.Observe.
const (
	ObserveNone ObserveAction = iota
	ObserveRegister
	ObserveDeregister
)

// Response is a response of either role. Options are as in Request.
type Response struct {
	// Code is a response code (RFC 7252 §5.9).
	Code    Code
	Options Options
	// Body is the response payload; nil means none. On a response that arrived,
	// reading fetches further blocks. When it is an io.Closer it is closed after
	// the last use, also when the exchange fails.
	Body io.Reader
	// Size is the length of Body in bytes, -1 when it is not known. Of a body that arrives in
	// blocks it is what the peer has said, and may be wrong (Size2, RFC 7959 §4).
	Size int64
	// Whole, on a notification, lets Body go in one message although it is longer than a
	// block, where Conn.Whole has room for it.
	Whole bool
	// Observed, on a response that arrived, says that it has the Observe option (RFC 7641
	// §2): it is part of an observation, whether as the answer to the registration or as a
	// notification. The one that ends an observation does not (§3.2, §4.2).
	Observed bool
}

// Handler answers requests that arrive on a Conn.
type Handler interface {
	// Admit is called for each request that is no duplicate, in the order of
	// arrival, on the goroutine that reads the connection: it must not block. The
	// function it returns runs on a goroutine of its own and makes the response;
	// its context ends when the Conn closes or the exchange is abandoned. A nil
	// function rejects the message with a Reset.
	Admit(r *Request) func(ctx context.Context) *Response
}

// HandlerFunc is a Handler that needs nothing done in order of arrival.
type HandlerFunc func(ctx context.Context, r *Request) *Response

// Admit implements Handler.
func (f HandlerFunc) Admit(r *Request) func(context.Context) *Response {
	return func(ctx context.Context) *Response { return f(ctx, r) }
}

// Config is how a Conn behaves. The zero value of every field but Profile is
// usable.
type Config struct {
	// Profile has the timers and sizes of the link: one that passes Profile.Validate.
	Profile link.Profile
	// Side is where on the link of Profile this endpoint is. Where it and the
	// rates of the profile are known, retransmission timeouts count airtime.
	Side Side
	// Handler answers requests; nil answers 5.01.
	Handler Handler
	// KnownCritical reports whether the handler understands a critical option
	// beyond those the message layer knows; other critical options are answered
	// 4.02 (RFC 7252 §5.4.1). Nil knows none.
	KnownCritical func(OptionNumber) bool
	// Overhead is what the layer below adds to each datagram, in bytes, counted
	// against the MTU of Profile (a DTLS record: 29 to 37).
	Overhead int
	// MaxBody bounds each body that arrives, in bytes; more is answered 4.13.
	// 0 means 64 MiB.
	MaxBody int64
	// MaxRequests bounds the requests being served at once; more are answered
	// 5.03. 0 means 64.
	MaxRequests int
	// Quota bounds what this session and others that have the same one remember of messages
	// that may be repeated; nil means 65,536 messages and 1 MiB of replies for each.
	Quota *Quota
	// Lives counts the lives of this session before this one: who asks after a restart
	// must not use a token of before, which the peer may still answer.
	Lives uint32
	// Paths tells where the peer is, nil where its address does not change: then it is
	// always taken to receive there.
	Paths Paths
	// Unanswered is called when the peer has not answered an inquiry, made to break a silence
	// (link.Profile.KeepAlive) and repeated like any confirmable message, and was not heard
	// meanwhile either: the link is away, or the peer has lost the session. Nil is not called.
	// It may close the session, but not wait for it.
	Unanswered func()
	// Recover has a panic in a goroutine of the session, that of a handler too, end the session
	// with a *PanicError, and not the program.
	Recover bool
	// Log receives what an operator should know; nil discards it.
	Log *slog.Logger
	// Recorder receives every event of the session; nil discards them. It must not call
	// the session.
	Recorder trace.Recorder
	// Session is the number that events of the session have.
	Session uint64
}
