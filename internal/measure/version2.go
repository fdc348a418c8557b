package measure

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Variant is a way to write wire version 2.
type Variant struct {
	// Name is its key in the report.
	Name string
	// Entries is as in wire2.Terms.Size, and so is Policy.
	Entries int
	Policy  coder.Policy
	Apart   bool
	Padding int
}

// Variants are what a report compares, the default first.
func Variants() []Variant {
	server := coder.Server.Policy()
	return []Variant{
		{Name: "v2", Entries: 1024, Policy: server},
		{Name: "v2-256-entries", Entries: 256, Policy: server},
		{Name: "v2-no-table", Policy: server},
		{Name: "v2-raw", Entries: 1024},
		{Name: "v2-deflate", Entries: 1024, Policy: coder.Policy{Deflate: server.Deflate}},
		{Name: "v2-mixing", Entries: 1024, Policy: coder.Policy{Mixing: server.Mixing}},
		{Name: "v2-rooms-apart", Entries: 1024, Policy: server, Apart: true},
		{Name: "v2-padding-16", Entries: 1024, Policy: server, Padding: 16},
	}
}

// session2 is a session of wire version 2 in one variant: both ends, and nothing lost in
// between.
type session2 struct {
	variant Variant
	client  *wire2.Client
	server  *wire2.Server
	v1      *coap.Mapping
	now     time.Time
}

func newSession2(f *wire2.Format, v Variant, home string, v1 *coap.Mapping, tap func(prelude, payload []byte)) *session2 {
	t := wire2.Terms{Home: home, Size: v.Entries, Policy: v.Policy, Apart: v.Apart, Padding: v.Padding, Tap: tap}
	return &session2{variant: v, client: f.NewClient(t), server: f.NewServer(t, 0), v1: v1}
}

// errChanged says that an exchange came out otherwise than it went in.
var errChanged = errors.New("wire version 2 did not restore the exchange to the byte")

// cost returns the bytes of both messages in version 2: payloads, header bytes included,
// and all options. Each message is read by the other end, and compared.
func (s *session2) cost(e Entry) (up, down int, err error) {
	if e.RequestType != jsonType && len(e.Request) > 0 {
		return encode(s.v1, e) // version 1 carries what is not JSON
	}
	r := dialect.Request{Method: e.Method, Target: e.Target, Body: e.Request}
	payload, x, err := s.client.Request(nil, &r, s.now)
	if err != nil {
		return encode(s.v1, e)
	}
	call := s.server.Admit(0)
	var read dialect.Request
	if err := call.Request(&read, payload); err != nil {
		return 0, 0, fmt.Errorf("request: %w", err)
	}
	if read.Method != r.Method || read.Target != r.Target || !same(read.Body, r.Body) {
		return 0, 0, errChanged
	}
	x.Arrived()
	answer, options, err := s.answer(e, call, x)
	return len(payload), answer + options, err
}

// same reports whether two JSON texts are equal but for white space and for escapes that
// are not needed.
func same(got, want []byte) bool {
	if bytes.Equal(got, want) {
		return true
	}
	codec := cborcodec.V1(cborcodec.Limits{})
	item, err := codec.AppendCBOR(nil, want)
	if err != nil {
		return false
	}
	want, err = codec.AppendJSON(nil, item)
	return err == nil && bytes.Equal(got, want)
}

// answer returns what the response takes: its payload, and its options.
func (s *session2) answer(e Entry, call *wire2.Call, x *wire2.Exchange) (payload, options int, err error) {
	v1, err := s.v1.EncodeResponse(e.Status, responseHeader(e), e.Response, coap.PeerGateway)
	if err != nil {
		return 0, 0, err
	}
	opts := v1.Options.Remove(endpoint.ContentFormat)
	if e.ResponseType != jsonType && len(e.Response) > 0 {
		x.Answered()
		return len(e.Response), v1.Options.EncodedSize(), nil
	}
	coded, err := call.Response(nil, e.Response, e.Status)
	if err != nil { // no JSON
		x.Answered()
		return len(e.Response), v1.Options.EncodedSize(), nil
	}
	json, ok, err := x.Response(nil, coded, e.Status)
	if err != nil {
		return 0, 0, fmt.Errorf("response: %w", err)
	}
	if ok != (len(e.Response) > 0) || !same(json, e.Response) {
		return 0, 0, errChanged
	}
	return len(coded), opts.EncodedSize(), nil
}

func responseHeader(e Entry) http.Header {
	header := make(http.Header)
	if len(e.Response) > 0 {
		header.Set("Content-Type", e.ResponseType)
	}
	return header
}

// ownID finds who a session is, ids any user.
var (
	ownID = regexp.MustCompile(`"user_id":"@[^":]+:([^"]+)"`)
	ids   = regexp.MustCompile(`@[a-z0-9._=/+-]+:([A-Za-z0-9.-]+(?::[0-9]+)?)`)
)

// HomeOf guesses the name of the home server from a session: that of the first user ID
// in an answer about oneself, else the commonest.
func HomeOf(entries []Entry) string {
	count := map[string]int{}
	best := ""
	for _, e := range entries {
		switch e.Kind {
		case "login", "register", "whoami":
			if m := ownID.FindSubmatch(e.Response); m != nil {
				return string(m[1])
			}
		}
		for _, m := range ids.FindAllSubmatch(e.Response, 32) {
			name := string(m[1])
			count[name]++
			if count[name] > count[best] || count[name] == count[best] && name < best {
				best = name
			}
		}
	}
	return best
}

// Tap runs a session of wire version 2 with the defaults and calls f with what goes into
// the coder, in order. It is what models are made from.
func Tap(f *wire2.Format, entries []Entry, tap func(prelude, payload []byte)) error {
	v1 := coap.NewMapping(coap.MappingConfig{FoldV3: true})
	raw := Variant{Name: "tap", Entries: Variants()[0].Entries}
	s := newSession2(f, raw, HomeOf(entries), v1, tap)
	for _, e := range entries {
		if _, _, err := s.cost(e); err != nil {
			return fmt.Errorf("%s %s: %w", e.Method, pathOf(e.Target), err)
		}
	}
	return nil
}
