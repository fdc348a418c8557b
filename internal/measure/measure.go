// Package measure counts what recorded Matrix traffic costs in each form. It runs
// the encoders of the gateway itself, not a model of them.
package measure

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Entry is one recorded HTTP exchange.
type Entry struct {
	// Kind names what the exchange does, for the table.
	Kind string
	// Method and Target are those of the request; Target is the escaped path and
	// query.
	Method, Target string
	// Request and Response are the bodies, with the Content-Type of each.
	Request, Response         []byte
	RequestType, ResponseType string
	Status                    int
}

// Cost is the size of exchanges in each form, in bytes.
type Cost struct {
	// Count is the number of exchanges.
	Count int `json:"count"`
	// JSON is path, "?" and query, and the bodies of request and response, as they
	// stand in HTTP.
	JSON int `json:"json"`
	// CBOR is the same with the JSON bodies as CBOR with string keys.
	CBOR int `json:"cbor"`
	// V1 is wire version 1: the Uri-Path, Uri-Query and Content-Format options and
	// both bodies, /v3/ paths folded onto the r0 enums.
	V1 int `json:"v1"`
	// V2 is wire version 2 with the defaults: both payloads with their header bytes, and
	// all options.
	V2 int `json:"v2"`
	// V2Up and V2Down are the request's and the response's part of V2.
	V2Up   int `json:"v2_up"`
	V2Down int `json:"v2_down"`
}

func (c *Cost) add(d Cost) {
	c.Count += d.Count
	c.JSON += d.JSON
	c.CBOR += d.CBOR
	c.V1 += d.V1
	c.V2 += d.V2
	c.V2Up += d.V2Up
	c.V2Down += d.V2Down
}

// Report is what a set of files costs.
type Report struct {
	Total Cost             `json:"total"`
	Kinds map[string]*Cost `json:"kinds"`
	// Variants is what all exchanges cost in other ways of writing version 2, in bytes.
	Variants map[string]int `json:"v2_variants"`
	// Unusable counts recorded exchanges that could not be measured, by reason.
	Unusable map[string]int `json:"unusable,omitempty"`
}

// NewReport returns one with nothing counted.
func NewReport() Report { return Report{Kinds: make(map[string]*Cost), Variants: make(map[string]int)} }

// Add adds what another report has counted.
func (r *Report) Add(other Report) {
	r.Total.add(other.Total)
	for kind, cost := range other.Kinds {
		r.add(kind, *cost)
	}
	for name, n := range other.Variants {
		r.Variants[name] += n
	}
	for reason, n := range other.Unusable {
		r.unusable(reason, n)
	}
}

func (r *Report) add(kind string, c Cost) {
	sum := r.Kinds[kind]
	if sum == nil {
		sum = &Cost{}
		r.Kinds[kind] = sum
	}
	sum.add(c)
}

func (r *Report) unusable(reason string, n int) {
	if r.Unusable == nil {
		r.Unusable = make(map[string]int)
	}
	r.Unusable[reason] += n
}

// Meter measures entries. It is not safe for concurrent use.
type Meter struct {
	v1     *coap.Mapping
	format *wire2.Format
	home   string
	// compare says that the variants are measured too.
	compare bool
	report  Report
}

// Options are how a Meter measures.
type Options struct {
	// Home is the name of the home server; empty guesses it for each session.
	Home string
	// Variants measures those of version 2 too, which takes several times as long.
	Variants bool
}

// NewMeter returns a Meter with nothing counted. format is that of wire version 2.
func NewMeter(format *wire2.Format, o Options) *Meter {
	return &Meter{
		v1:     coap.NewMapping(coap.MappingConfig{FoldV3: true}),
		format: format, home: o.Home, compare: o.Variants,
		report: NewReport(),
	}
}

// Report returns what has been counted so far.
func (m *Meter) Report() Report { return m.report }

// Unusable counts an exchange that cannot be measured.
func (m *Meter) Unusable(reason string) { m.report.unusable(reason, 1) }

// Session measures the exchanges of one session, in their order. Those that cannot be
// encoded are counted as unusable where lenient is set.
func (m *Meter) Session(entries []Entry, lenient bool) error {
	home := m.home
	if home == "" {
		home = HomeOf(entries)
	}
	variants := Variants()
	if !m.compare {
		variants = variants[:1]
	}
	sessions := make([]*session2, len(variants))
	for i, v := range variants {
		sessions[i] = newSession2(m.format, v, home, m.v1, nil)
	}
	for _, e := range entries {
		err := m.add(e, sessions)
		if err != nil && lenient {
			m.Unusable("cannot be encoded")
		} else if err != nil {
			return fmt.Errorf("%s %s: %w", e.Method, pathOf(e.Target), err)
		}
	}
	return nil
}

// add measures one exchange in all sessions, of which the first is the default.
func (m *Meter) add(e Entry, sessions []*session2) error {
	cost, err := m.cost(e)
	if err != nil {
		return err
	}
	for i, s := range sessions {
		up, down, err := s.cost(e)
		if err != nil {
			return err
		}
		if i == 0 {
			cost.V2Up, cost.V2Down, cost.V2 = up, down, up+down
		} else {
			m.report.Variants[s.variant.Name] += up + down
		}
	}
	m.report.Total.add(cost)
	m.report.add(e.Kind, cost)
	return nil
}

func (m *Meter) cost(e Entry) (Cost, error) {
	c := Cost{Count: 1, JSON: len(e.Target) + len(e.Request) + len(e.Response)}
	up, down, err := encode(m.v1, e)
	if err != nil {
		return c, err
	}
	c.V1 = up + down
	request, err := plainSize(e.Request, e.RequestType)
	if err != nil {
		return c, err
	}
	response, err := plainSize(e.Response, e.ResponseType)
	if err != nil {
		return c, err
	}
	c.CBOR = len(e.Target) + request + response
	return c, nil
}

// encode returns the bytes of both messages in wire version 1 that depend on the
// exchange. A gateway as the peer carries every request; the options that only it
// knows are not counted.
func encode(mapping *coap.Mapping, e Entry) (up, down int, err error) {
	u, err := url.ParseRequestURI(e.Target)
	if err != nil {
		return 0, 0, err
	}
	r := &http.Request{Method: e.Method, URL: u, Header: make(http.Header), Body: http.NoBody}
	if len(e.Request) > 0 {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(e.Request))), int64(len(e.Request))
		r.Header.Set("Content-Type", e.RequestType)
	}
	req, err := mapping.EncodeRequest(r, coap.PeerGateway)
	if err != nil {
		return 0, 0, err
	}
	resp, err := mapping.EncodeResponse(e.Status, responseHeader(e), e.Response, coap.PeerGateway)
	if err != nil {
		return 0, 0, err
	}
	up, err = messageSize(req.Options, req.Body)
	if err != nil {
		return 0, 0, err
	}
	down, err = messageSize(resp.Options, resp.Body)
	return up, down, err
}

func messageSize(opts endpoint.Options, body io.Reader) (int, error) {
	n := OptionBytes(opts)
	if body == nil {
		return n, nil
	}
	b, err := io.ReadAll(body)
	return n + len(b), err
}

// OptionBytes is what the Uri-Path, Content-Format and Uri-Query options among
// opts take in a message (RFC 7252 §3.1).
func OptionBytes(opts endpoint.Options) int {
	var counted endpoint.Options
	for _, o := range opts {
		switch o.Number {
		case endpoint.URIPath, endpoint.ContentFormat, endpoint.URIQuery:
			counted = append(counted, o)
		}
	}
	return counted.EncodedSize()
}

// KindNames returns the kinds in the order of what they cost, dearest first.
func (r Report) KindNames() []string {
	names := make([]string, 0, len(r.Kinds))
	for name := range r.Kinds {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := r.Kinds[names[i]], r.Kinds[names[j]]
		if a.JSON != b.JSON {
			return a.JSON > b.JSON
		}
		return names[i] < names[j]
	})
	return names
}

func pathOf(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}
