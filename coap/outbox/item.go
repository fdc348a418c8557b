package outbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coapgw/coapgw/coap/answers"
	"github.com/coapgw/coapgw/coap/txn"
)

// item is a request that is queued: what is in memory of it. The request is in the store.
type item struct {
	// number gives the order in which requests were accepted.
	number    uint64
	key, user txn.Digest
	txn.Transaction
	size int       // bytes in the store
	at   time.Time // when it was accepted

	// Guarded by Transport.mu:

	// stored: the store has it; until then it is not sent.
	stored, sending bool
	// strikes counts tries that failed though the link seemed to work, faults those of them
	// for which the homeserver itself is to blame, probes those to find out whether the link
	// works.
	strikes, faults, probes int
	// retryAt is when to try again.
	retryAt time.Time

	// over is closed when the item has left the queue; outcome is then there.
	over    chan struct{}
	outcome outcome
}

// outcome is with what an item leaves: an answer, or the error that ended it.
type outcome struct {
	answer answers.Answer
	err    error
}

// lane is what is sent one after the other.
type lane struct {
	user     txn.Digest
	room     string
	toDevice bool
}

func (it *item) lane() lane { return lane{it.user, it.Room, it.ToDevice} }

// sent are the headers of a request that are kept: those that cross the link and may
// stand in one with a transaction id.
var sent = [...]string{"Authorization", "Content-Type", "Content-Encoding", "Cookie"}

// letter is a request as it is in the store:
//
//	version, time in nanoseconds (8 bytes), number of fields (uvarint), fields, body
//
// where fields are the URL, and each kept header as its place in sent and its value. A
// field is a length (uvarint) and text. The hash of an answer's request and the lane are
// worked out again.
type letter struct {
	at     time.Time
	url    string
	header []headerLine
	body   []byte
}

type headerLine struct {
	name  byte // place in sent
	value string
}

const (
	letterVersion = 1
	// maxLines bounds the header lines of a letter.
	maxLines = 64
)

var errLetter = errors.New("outbox: not a request of this version")

// letterOf takes what is kept of a request. It reports false for a request that could
// not be made again as it is.
func letterOf(r *http.Request, body []byte, at time.Time) (letter, bool) {
	whole := *r.URL
	if whole.Opaque != "" { // the path to the byte
		whole.Opaque = "//" + whole.Host + whole.Opaque
	}
	l := letter{at: at, url: whole.String(), body: body}
	for i, name := range sent {
		for _, value := range r.Header[name] {
			l.header = append(l.header, headerLine{byte(i), value})
		}
	}
	again, err := parseURL(l.url)
	return l, err == nil && again.RequestURI() == r.URL.RequestURI() && again.Opaque == r.URL.Opaque && again.Host == r.URL.Host && len(l.header) <= maxLines
}

// parseURL reads the URL of a letter. What another spelling would come out of is Opaque again.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err == nil && u.RawPath != "" && u.RawPath != u.EscapedPath() {
		u.Opaque = u.RawPath
	}
	return u, err
}

func (l letter) encode() []byte {
	b := make([]byte, 0, 64+len(l.url)+len(l.body))
	b = append(b, letterVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(l.at.UnixNano()))
	b = binary.AppendUvarint(b, uint64(len(l.header)))
	b = appendText(b, l.url)
	for _, h := range l.header {
		b = appendText(append(b, h.name), h.value)
	}
	return append(b, l.body...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func decodeLetter(b []byte) (l letter, err error) {
	const head = 1 + 8
	if len(b) < head || b[0] != letterVersion {
		return l, errLetter
	}
	l.at = time.Unix(0, int64(binary.BigEndian.Uint64(b[1:])))
	lines, n := binary.Uvarint(b[head:])
	if n <= 0 || lines > maxLines {
		return l, errLetter
	}
	b = b[head+n:]
	if l.url, b, err = cutText(b); err != nil {
		return l, err
	}
	for range lines {
		if len(b) == 0 || int(b[0]) >= len(sent) {
			return l, errLetter
		}
		h := headerLine{name: b[0]}
		if h.value, b, err = cutText(b[1:]); err != nil {
			return l, err
		}
		l.header = append(l.header, h)
	}
	l.body = b
	return l, nil
}

func cutText(b []byte) (s string, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return "", nil, errLetter
	}
	return string(b[n : n+int(size)]), b[n+int(size):], nil
}

// request makes the request again.
func (l letter) request(ctx context.Context) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, l.url, nil)
	if err != nil {
		return nil, err
	}
	if r.URL, err = parseURL(l.url); err != nil {
		return nil, err
	}
	if len(l.body) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(l.body)), int64(len(l.body))
	}
	for _, h := range l.header {
		r.Header[sent[h.name]] = append(r.Header[sent[h.name]], h.value)
	}
	return r, nil
}

// itemOf makes an item of a request that was read from the store.
func itemOf(number uint64, value []byte) (*item, error) {
	l, err := decodeLetter(value)
	if err != nil {
		return nil, err
	}
	r, err := l.request(context.Background())
	if err != nil {
		return nil, err
	}
	t, ok := txn.Of(r)
	if !ok {
		return nil, errLetter
	}
	return newItem(number, r, t, l, len(value)), nil
}

func newItem(number uint64, r *http.Request, t txn.Transaction, l letter, size int) *item {
	user := txn.User(r)
	t.Room = strings.Clone(t.Room)
	return &item{
		number: number, user: user, key: txn.Key(user, r, l.body), Transaction: t,
		size: size, at: l.at, over: make(chan struct{}),
	}
}
