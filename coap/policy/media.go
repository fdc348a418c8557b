package policy

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
)

// fileTime is how long a file may keep a link busy that is not Fast.
const fileTime = 15 * time.Minute

// Limit bounds a file that goes over a link in one direction, in bytes: what the link
// carries in 15 minutes, or in one contact window when that is shorter, to two digits. 0
// means no bound: on Fast links.
func Limit(p link.Profile, up bool) int64 {
	if TierOf(p) == Fast {
		return 0
	}
	busy := fileTime
	if p.ContactPeriod > 0 {
		busy = min(busy, p.ContactWindow)
		p.ContactWindow, p.ContactPeriod = 0, 0
	}
	n, unit := int64(Rate(p, up)*busy.Seconds()/8), int64(1)
	for n >= 100 {
		n, unit = n/10, unit*10
	}
	return max(n*unit, 1000)
}

// limits are what a Transport goes by, in bytes; 0 is none.
type limits struct{ down, up int64 }

func (t *Transport) ownLimits() limits {
	pick := func(set int64, up bool) int64 {
		switch {
		case set > 0:
			return set
		case set < 0:
			return 0
		}
		return Limit(t.Profile, up)
	}
	return limits{pick(t.Download, false), pick(t.Upload, true)}
}

// uploads are the requests that bring a file.
var uploads = []string{
	"/_matrix/media/*/upload/...", "/_matrix/client/*/media/upload/...",
}

// tooLarge answers an upload that is larger than the link carries, nil when it is not.
// One of unknown length ends where the limit is.
func (t *Transport) tooLarge(c *call) *http.Response {
	if t.limits.up == 0 || !c.writes() || !matchesAny(uploads, c.path) {
		return nil
	}
	if c.ContentLength > t.limits.up {
		closeBody(c.Body)
		return tooLarge(c.Request, TooLarge(t.Profile, c.ContentLength, t.limits.up))
	}
	if c.ContentLength < 0 && c.Body != nil {
		changed := *c.Request
		changed.Body = &bounded{c.Body, t.limits.up, TooLarge(t.Profile, -1, t.limits.up)}
		c.Request = &changed
	}
	return nil
}

// measured refuses a download that is larger than the link carries.
func (t *Transport) measured(c *call, resp *http.Response) *http.Response {
	if t.limits.down == 0 || c.row == nil || !c.row.media || resp.StatusCode >= http.StatusMultipleChoices || c.Method == http.MethodHead {
		return resp
	}
	if resp.ContentLength > t.limits.down {
		closeBody(resp.Body)
		return tooLarge(c.Request, TooLarge(t.Profile, resp.ContentLength, t.limits.down))
	}
	if resp.ContentLength < 0 {
		resp.Body = &bounded{resp.Body, t.limits.down, TooLarge(t.Profile, -1, t.limits.down)}
	}
	return resp
}

// TooLarge is the answer for a file that is larger than the limit for a link; size is
// its length in bytes, less than 0 when that is not known.
func TooLarge(p link.Profile, size, limit int64) *coap.Error {
	what := "a file"
	if size >= 0 {
		what = "a file of " + bytesText(size)
	}
	return &coap.Error{
		Status: http.StatusRequestEntityTooLarge, ErrCode: "M_TOO_LARGE",
		Message: fmt.Sprintf("%s is more than the %s that may cross the link %s", what, bytesText(limit), linkText(p)),
	}
}

func linkText(p link.Profile) string {
	rate := min(known(Rate(p, true)), known(Rate(p, false)))
	if p.Name == "" {
		return fmt.Sprintf("(about %.0f bit/s)", rate)
	}
	return fmt.Sprintf("%s (about %.0f bit/s)", p.Name, rate)
}

// bytesText says for a person how long a file is.
func bytesText(n int64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%d MB", n/1_000_000)
	case n >= 1_000_000:
		return fmt.Sprintf("%.1f MB", float64(n/100_000)/10)
	case n >= 1000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d bytes", n)
}

func tooLarge(r *http.Request, e *coap.Error) *http.Response {
	body := string(e.Body())
	return &http.Response{
		Status: strconv.Itoa(e.Status) + " " + http.StatusText(e.Status), StatusCode: e.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// bounded is a body that may have so many bytes left; with more it fails.
type bounded struct {
	io.ReadCloser
	left int64
	err  *coap.Error
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, b.err
	}
	return n, err
}
