package endpoint

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// Echo (RFC 9175 §2): a server that doubts whether a request is fresh, or where it comes
// from, answers 4.01 with a value, and executes the request when it comes again with that
// value. The server keeps nothing for it (§2.4): the value is when it was made, in seconds
// since the first, and an HMAC over that and the path. Within a session only the peer can
// present it, so that few bytes are enough.

const (
	echoTimeLen = 3
	echoLen     = 8
	// maxChallenges bounds how often one request is made again because of Echo. More
	// than once happens only when it was under way for too long.
	maxChallenges = 2
)

// echoes makes and recognises the Echo values of a session.
type echoes struct {
	key   []byte
	begun time.Time
	// fresh is how many datagrams had come when a request was first found fresh, 0 when
	// none was.
	fresh uint64
}

// value returns the value of a second on a path.
func (e *echoes) value(second uint32, path uint32) []byte {
	second &= 1<<(8*echoTimeLen) - 1
	head := binary.BigEndian.AppendUint32(nil, second)[4-echoTimeLen:]
	mac := hmac.New(sha256.New, e.key)
	mac.Write(binary.BigEndian.AppendUint32(head, path))
	return append(head[:echoTimeLen:echoTimeLen], mac.Sum(nil)[:echoLen-echoTimeLen]...)
}

func (e *echoes) now() uint32 { return uint32(time.Since(e.begun) / time.Second) }

// Challenge is the response to a request that is executed only when it is Fresh. The
// peer makes it again; one that does not know Echo reports 4.01 (RFC 9175 §2.3).
func (r *Request) Challenge() *Response {
	c := r.Conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.echoes == nil {
		c.echoes = &echoes{key: make([]byte, sha256.Size), begun: time.Now()}
		_, _ = rand.Read(c.echoes.key) // never fails
	}
	value := c.echoes.value(c.echoes.now(), c.pathID())
	return &Response{Code: Unauthorized, Options: Options{{Echo, value}}}
}

// isFresh reports whether a request was made in this life of ours: it has a value that
// was given no longer than MAX_TRANSMIT_WAIT ago, or it came so long after one that had
// that the layer below takes nothing older any more. The value shows besides that the
// peer receives where it is.
func (c *Conn) isFresh(opts Options) bool {
	value, has := opts.Get(Echo)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.echoes
	if e == nil {
		return false
	}
	if !has || len(value) != echoLen {
		return e.fresh > 0 && c.received >= e.fresh+replayWindow
	}
	given := binary.BigEndian.Uint32(append([]byte{0}, value[:echoTimeLen]...))
	age := (e.now() - given) & (1<<(8*echoTimeLen) - 1)
	path := c.pathID()
	if time.Duration(age)*time.Second > c.terms().profile.MaxTransmitWait() || !hmac.Equal(value, e.value(given, path)) {
		return false
	}
	if e.fresh == 0 {
		e.fresh = c.received
	}
	if c.cfg.Paths != nil && c.cfg.Paths.PathVerified(path) {
		c.start(c.release) // which takes c.mu
	}
	return true
}

// pathID names the path on which the peer is.
func (c *Conn) pathID() (id uint32) {
	if c.cfg.Paths != nil {
		id, _, _ = c.cfg.Paths.PathState()
	}
	return id
}

// ErrChallenged: the peer asks for the request again, to see that it is fresh (RFC 9175
// §2.3), and did not take it then, or the body cannot be read twice, or Request.Arrived
// was called already. It was not executed.
var ErrChallenged = errors.New("coap: the peer wants the request again with Echo")

// challenges reports whether a response asks for the request again.
func challenges(code Code, opts Options) bool { return code == Unauthorized && opts.Has(Echo) }

// answerChallenges makes a request again with what the peer wants to see, if it can.
func answerChallenges(r *Request, do func(*Request) (*Response, error)) (*Response, error) {
	rewind := func() error { return nil }
	if r.Body != nil {
		rewind = func() error { return ErrChallenged }
	}
	if body, ok := r.Body.(io.Seeker); ok {
		start, err := body.Seek(0, io.SeekCurrent)
		if err == nil {
			rewind = func() error { _, err := body.Seek(start, io.SeekStart); return err }
		}
	}
	again, arrived := *r, false
	if r.Arrived != nil {
		again.Arrived = func() { arrived = true; r.Arrived() }
	}
	for tries := 0; ; tries++ {
		resp, err := do(&again)
		if err != nil || !challenges(resp.Code, resp.Options) {
			return resp, err
		}
		value, _ := resp.Options.Get(Echo)
		closeBody(resp.Body)
		if tries == maxChallenges || arrived {
			return nil, ErrChallenged
		}
		if err := rewind(); err != nil {
			return nil, err
		}
		again.Options = r.Options.Remove(Echo).Add(Echo, value)
	}
}
