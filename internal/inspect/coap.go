package inspect

import (
	"fmt"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// Conversation is the messages between a client and a server.
type Conversation struct {
	*Session
	association
	home string
	// asked are the requests, by token.
	asked map[string]*exchange
}

// exchange is a request whose response is read against it.
type exchange struct {
	version2 bool
	asked    *Asked
	// inquired: the last request with the token asked about this one.
	inquired bool
	// body is what of the response has come in blocks, nil for nothing.
	body *body
}

// maxAsked is how many requests are remembered.
const maxAsked = 4096

// NewConversation returns one of which nothing was seen. Home is the name of the home
// server where it is known.
func NewConversation(f *wire2.Format, home string) *Conversation {
	return &Conversation{Session: NewSession(f, home), home: home, asked: map[string]*exchange{}}
}

// AssumeRoute says what request the responses answer that are shown without it: a row of the
// routes, and whether it is of version 2.
func (c *Conversation) AssumeRoute(route int, version2 bool) {
	c.asked[assumed] = &exchange{version2: version2, asked: &Asked{Route: route}}
}

// assumed is no token.
const assumed = "no token"

// typeNames are the message types of RFC 7252 §3.
var typeNames = [...]string{"CON", "NON", "ACK", "RST"}

// codeNames are the methods (RFC 7252 §12.1.1, RFC 8132 §6).
var codeNames = map[endpoint.Code]string{
	endpoint.Empty: "empty", endpoint.GET: "GET", endpoint.POST: "POST", endpoint.PUT: "PUT",
	endpoint.DELETE: "DELETE", endpoint.FETCH: "FETCH", endpoint.PATCH: "PATCH", endpoint.IPATCH: "iPATCH",
}

// headerSize is that of RFC 7252 §3.
const headerSize = 4

// Message reports on a CoAP message.
func (c *Conversation) Message(r *Report, data []byte) {
	m, err := endpoint.ParseMessage(data)
	if err != nil {
		r.hide(Payload, 0, len(data), fmt.Sprintf("no CoAP message: %v", err))
		return
	}
	name := codeNames[m.Code]
	if name == "" {
		name = m.Code.String()
	}
	r.add(Header, 0, data[:headerSize], fmt.Sprintf("%s %s, message ID %d, token of %d", typeNames[m.Type&3], name, m.MessageID, len(m.Token)))
	if len(m.Token) > 0 {
		r.add(Token, 0, data[headerSize:headerSize+len(m.Token)], "token")
	}
	at := headerSize + len(m.Token)
	number := 0
	for at < len(data) && data[at] != marker {
		o, size := nextOption(data[at:], &number)
		if concealed(o) {
			r.hide(Options, 0, size, describeOption(o))
		} else {
			r.add(Options, 0, data[at:at+size], describeOption(o))
		}
		at += size
	}
	if at < len(data) {
		r.add(Marker, 0, data[at:at+1], "payload marker")
	}
	before := r.Cost[Payload]
	c.content(r, &m)
	if rest := len(m.Payload) - (r.Cost[Payload] - before); rest > 0 {
		r.hide(Payload, 0, rest, "payload: "+notShown(rest))
	}
}

// Datagram reports on a CoAP message, or on records of DTLS, whose content it cannot show.
func (c *Conversation) Datagram(r *Report, data []byte) {
	if isRecord(data) {
		c.records(r, data)
		return
	}
	c.Message(r, data)
}

// marker stands between options and payload (RFC 7252 §3).
const marker = 0xff

// nextOption reads the first option (RFC 7252 §3.1), which comes behind one with that
// number, and its length. What is not well-formed is one to the end.
func nextOption(b []byte, number *int) (o endpoint.Option, size int) {
	at := 1
	var extended [2]int
	for i, nibble := range []byte{b[0] >> 4, b[0] & 15} {
		extended[i] = int(nibble)
		switch {
		case nibble == 13 && at < len(b):
			extended[i] = 13 + int(b[at])
			at++
		case nibble == 14 && at+1 < len(b):
			extended[i] = 269 + int(b[at])<<8 + int(b[at+1])
			at += 2
		}
	}
	*number += extended[0]
	size = min(at+extended[1], len(b))
	return endpoint.Option{Number: endpoint.OptionNumber(*number), Value: b[min(at, size):size]}, size
}

// content follows the session and reports on the payload.
func (c *Conversation) content(r *Report, m *endpoint.Message) {
	token := string(m.Token)
	switch {
	case m.Code.IsRequest():
		x := &exchange{version2: version2(m)}
		if old := c.asked[token]; old != nil && (x.isBlock(m) || m.Options.Has(optionInquiry)) {
			x = old
			x.inquired = m.Options.Has(optionInquiry)
		} else {
			if len(c.asked) > maxAsked {
				clear(c.asked)
			}
			c.asked[token] = x
		}
		if _, offered := m.Options.Get(coap.OptionOffer); offered {
			c.begin(c.home, 0)
		}
		c.body(r, m, x, true)
	case m.Code.IsResponse():
		x := c.asked[token]
		if x == nil {
			x = c.asked[assumed]
		}
		if x == nil {
			x = &exchange{}
		}
		if answer, ok := m.Options.Get(coap.OptionOffer); ok && len(answer) > 1+idSize {
			c.begin(string(answer[1+idSize:]), entries(answer[0]))
		}
		if m.Code == endpoint.Continue || x.inquired && len(m.Payload) == 0 && m.Code != endpoint.Content {
			return // the message layer's own
		}
		c.body(r, m, x, false)
	}
}

// version2 reports whether a request is of version 2.
func version2(m *endpoint.Message) bool {
	switch m.Code {
	case endpoint.FETCH, endpoint.PUT, endpoint.POST:
		return len(m.Payload) > 0 && !m.Options.Has(endpoint.URIPath) && !m.Options.Has(coap.OptionEnvelope)
	}
	return false
}

// whole reports on a payload that is there from beginning to end; m has its options.
func (c *Conversation) whole(r *Report, m *endpoint.Message, payload []byte, x *exchange, request bool) {
	answered := &endpoint.Response{Code: m.Code, Options: m.Options, Size: int64(len(payload))}
	format, formatted := m.Options.GetUint(endpoint.ContentFormat)
	if m.Options.Has(coap.OptionEnvelope) {
		var ok bool
		if payload, ok = c.envelope(r, payload, request); !ok {
			return
		}
	}
	switch {
	case request && x.version2:
		r.say(0, "payload: a request of version 2, %d bytes", len(payload))
		x.asked, _ = c.Request(r, payload)
	case !request && x.version2 && coap.AnswersVersion2(answered, x.asked != nil && x.asked.head):
		r.say(0, "payload: a response of version 2, %d bytes", len(payload))
		_ = c.Response(r, payload, status(m), x.asked)
	case len(payload) == 0:
	case formatted && format == formatCBOR:
		r.say(0, "payload: CBOR, %d bytes", len(payload))
		Version1(r, payload)
	default:
		r.hide(Payload, 0, len(payload), "payload: "+notShown(len(payload)))
	}
}

// formatCBOR is application/cbor (RFC 8949 §9.5).
const formatCBOR = 60

// status is the HTTP status of a response; of one without option 264 the hundreds count
// alone.
func status(m *endpoint.Message) int {
	if v, ok := m.Options.GetUint(coap.OptionStatus); ok && v >= 200 && v <= 999 {
		return int(v)
	}
	return int(m.Code.Class()) * 100
}

// envelope reports on one and returns what is behind it.
func (c *Conversation) envelope(r *Report, payload []byte, request bool) (rest []byte, ok bool) {
	items, rest, err := coap.OpenEnvelope(payload)
	if err != nil {
		r.hide(Payload, 0, len(payload), "malformed envelope")
		return nil, false
	}
	r.hide(Payload, 0, len(payload)-len(rest), fmt.Sprintf("envelope of %d", len(items)))
	if request && len(items) > 0 {
		target, _ := withoutSecrets(items[0])
		r.say(1, "target: %s", target)
		items = items[1:]
	}
	for len(items) > 1 {
		value, _ := withoutSecrets(items[1])
		if isSecret(items[0]) {
			value = notShown(len(items[1]))
		}
		r.say(1, "%s: %s", items[0], value)
		items = items[2:]
	}
	return rest, true
}

// Version1 reports on a body of version 1.
func Version1(r *Report, payload []byte) {
	v := view{report: r, payload: payload, opened: &wire2.Opened{Message: payload}}
	r.Cost[Payload] += len(payload)
	v.parts(payload, func(visit func(*dialect.Part)) error { return dialect.ExplainVersion1(payload, limits, visit) })
}
