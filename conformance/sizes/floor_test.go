package sizes

import (
	"math"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/internal/measure"
)

// Random is what nothing that both ends know foretells: hashes and keys that are new in a
// session, and transaction IDs that are drawn by lot. No format can make it smaller.
var (
	// hashes are event IDs, and the keys that are the IDs of Megolm sessions.
	hashes = regexp.MustCompile(`(?:\$|%24|"session_id":\s*")[A-Za-z0-9+/_-]{43}`)
	// txn is the transaction ID in a path.
	txn   = regexp.MustCompile(`/send/[^/]+/([^/?]+)`)
	nanos = regexp.MustCompile(`1[0-9]{18}`)
	timed = regexp.MustCompile(`1[0-9]{12}`)
	uuid4 = regexp.MustCompile(`[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}`)
	js53  = regexp.MustCompile(`^t[0-9a-f]{14}$`)
	hexed = regexp.MustCompile(`^[0-9a-f]{16,}$`)
	mixed = regexp.MustCompile(`[A-Za-z0-9_-]{16,}`)
)

// hashBits are those of a hash or of a key.
const hashBits = 256

// floor finds how much of the requests of a session is random.
type floor struct{ seen map[string]bool }

// request returns how many bits of a request are.
func (f *floor) request(e measure.Entry) float64 {
	bits := 0.0
	for _, text := range [...]string{e.Target, string(e.Request)} {
		for _, id := range hashes.FindAllString(text, -1) {
			if !f.seen[name(id)] {
				bits += hashBits
			}
			f.seen[name(id)] = true
		}
	}
	m := txn.FindStringSubmatch(e.Target)
	if m == nil {
		return bits
	}
	id, err := url.PathUnescape(m[1])
	if err != nil || f.seen[id] {
		return bits
	}
	f.seen[id] = true
	return bits + lot(id)
}

// lot returns how many bits of a transaction ID are drawn by lot.
func lot(id string) float64 {
	switch {
	case nanos.MatchString(id):
		return 6 * math.Log2(10) // what is beyond the millisecond
	case timed.MatchString(id):
		return 0
	case uuid4.MatchString(id):
		return 122 // RFC 9562 §5.4
	case js53.MatchString(id):
		return 53 // Math.random in JavaScript
	case hexed.MatchString(id):
		return 4 * float64(len(id))
	default:
		return math.Log2(62) * float64(len(mixed.FindString(id)))
	}
}

// response notes what a response tells.
func (f *floor) response(e measure.Entry) {
	for _, id := range hashes.FindAllString(string(e.Response), -1) {
		f.seen[name(id)] = true
	}
}

// name is a hash without what stands before it.
func name(id string) string { return id[len(id)-43:] }

func TestFloor(t *testing.T) {
	tests := []struct {
		id   string
		want float64
	}{
		{"m1795936439682.5", 0},
		{"mautrix-go_1795936675272059048_3", 19.9},
		{"8d1f0bd2-6a5e-4c39-9a53-0c1b1f8f7a11", 122},
		{"$local.8d1f0bd2-6a5e-4c39-9a53-0c1b1f8f7a11", 122},
		{"t0a23e5b7c8d9f1", 53},
		{"8d1f0bd26a5e4c399a530c1b1f8f7a11", 122},
		{"0123456789abcdef0123456789abcdef", 128},
		{"aB3dE6gH9jK2mN5p", 95.3},
		{"17", 0},
	}
	for _, tt := range tests {
		assert.InDelta(t, tt.want, lot(tt.id), 0.1, tt.id)
	}
	f := floor{seen: map[string]bool{}}
	event := "$" + strings.Repeat("aB3", 14) + "x"
	send := func(target, body string) float64 {
		return f.request(measure.Entry{Target: target, Request: []byte(body)})
	}
	assert.InDelta(t, hashBits, send("/rooms/r/receipt/m.read/"+event, "{}"), 0, "new")
	assert.Zero(t, send("/rooms/r/send/m.reaction/m1795936439682.5", `{"event_id":"`+event+`"}`), "told")
	f.response(measure.Entry{Response: []byte(`{"event_id":"` + event[:43] + `y"}`)})
	assert.Zero(t, send("/rooms/r/receipt/m.read/"+event[:43]+"y", "{}"), "told by the server")
}
