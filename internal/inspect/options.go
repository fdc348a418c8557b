package inspect

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"unicode/utf8"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// optionRow is an option that has a name. value says what its value means; nil shows none.
type optionRow struct {
	number endpoint.OptionNumber
	name   string
	value  func([]byte) string
}

// optionRows are those of CoAP, of MSC3079 and of coapgw (docs/wire-v1.md, docs/wire-v2.md).
var optionRows = [...]optionRow{
	{endpoint.IfMatch, "If-Match", opaque},
	{endpoint.URIHost, "Uri-Host", text},
	{endpoint.ETag, "ETag", opaque},
	{endpoint.IfNoneMatch, "If-None-Match", nil},
	{endpoint.Observe, "Observe", number},
	{endpoint.URIPort, "Uri-Port", number},
	{endpoint.LocationPath, "Location-Path", text},
	{endpoint.URIPath, "Uri-Path", text},
	{endpoint.ContentFormat, "Content-Format", number},
	{endpoint.MaxAge, "Max-Age", number},
	{endpoint.URIQuery, "Uri-Query", text},
	{endpoint.Accept, "Accept", number},
	{endpoint.QBlock1, "Q-Block1", block},
	{endpoint.LocationQuery, "Location-Query", text},
	{endpoint.Block2, "Block2", block},
	{endpoint.Block1, "Block1", block},
	{endpoint.Size2, "Size2", number},
	{endpoint.QBlock2, "Q-Block2", block},
	{endpoint.ProxyURI, "Proxy-Uri", text},
	{endpoint.ProxyScheme, "Proxy-Scheme", text},
	{endpoint.Size1, "Size1", number},
	{endpoint.Echo, "Echo", opaque},
	{optionInquiry, "Inquiry", nil},
	{endpoint.RequestTag, "Request-Tag", opaque},
	{coap.OptionAccessToken, "Access-Token", nil}, // not shown
	{coap.OptionVersion, "Version", number},
	{coap.OptionSlot, "Slot", number},
	{coap.OptionGateway, "Gateway", gateway},
	{coap.OptionMethod, "Method", text},
	{coap.OptionForm, "Form", number},
	{coap.OptionEnvelope, "Envelope", nil},
	{coap.OptionStatus, "Status", number},
	{coap.OptionHeader, "Header", header},
	{coap.OptionControl, "Control", control},
	{coap.OptionReset, "Reset", nil}, // who knows it can end the session
	{coap.OptionOffer, "Offer", offer},
	{coap.OptionInstead, "Instead", opaque},
}

// optionInquiry is an option of the message layer (docs/wire-v1.md, "Requests that wait").
const optionInquiry endpoint.OptionNumber = 265

// describeOption writes number, name and value of an option.
func describeOption(o endpoint.Option) string {
	for _, row := range optionRows {
		if row.number != o.Number {
			continue
		}
		s := fmt.Sprintf("option %d %s", o.Number, row.name)
		switch {
		case row.value != nil:
			return s + ": " + row.value(o.Value)
		case len(o.Value) > 0:
			return s + ": " + notShown(len(o.Value))
		}
		return s
	}
	return fmt.Sprintf("option %d: %s", o.Number, notShown(len(o.Value)))
}

// concealed reports whether the bytes of an option may not be shown.
func concealed(o endpoint.Option) bool {
	switch o.Number {
	case coap.OptionHeader:
		return len(o.Value) > 0 && isSecret(headerName(o.Value[0]))
	case endpoint.URIQuery, endpoint.URIPath, endpoint.LocationPath, endpoint.LocationQuery, endpoint.ProxyURI:
		_, secret := withoutSecrets(string(o.Value))
		return secret
	}
	for _, row := range optionRows {
		if row.number == o.Number {
			return row.value == nil && len(o.Value) > 0
		}
	}
	return true
}

func opaque(b []byte) string { return hex.EncodeToString(b) }

func text(b []byte) string {
	if !utf8.Valid(b) {
		return opaque(b)
	}
	s, _ := withoutSecrets(string(b))
	return s
}

func number(b []byte) string {
	if len(b) > 8 {
		return opaque(b)
	}
	var n [8]byte
	copy(n[8-len(b):], b)
	return fmt.Sprint(binary.BigEndian.Uint64(n[:]))
}

// blockOf reads the value of a block option (RFC 7959 §2.2).
func blockOf(b []byte) (num uint32, more bool, size int, ok bool) {
	if len(b) > 3 {
		return 0, false, 0, false
	}
	v := uint32(0)
	for _, c := range b {
		v = v<<8 | uint32(c)
	}
	return v >> 4, v&8 != 0, 16 << (v & 7), true
}

func block(b []byte) string {
	num, more, size, ok := blockOf(b)
	switch {
	case !ok:
		return opaque(b)
	case more:
		return fmt.Sprintf("block %d of %d bytes, more to come", num, size)
	}
	return fmt.Sprintf("block %d of %d bytes", num, size)
}

func gateway(b []byte) string {
	switch len(b) {
	case 0:
		return "who are you?"
	case 1:
		return fmt.Sprintf("level %d", b[0])
	}
	return fmt.Sprintf("level %d, link %x", b[0], b[1:])
}

// controls are what a gateway says itself.
var controls = [...]string{
	1: "unknown slot", 2: "slot taken", 3: "another link", 4: "the server restarts",
	5: "no format of version 2", 6: "not read", 7: "ask for what is too long", 8: "register anew",
}

func control(b []byte) string {
	if len(b) == 1 && b[0] > 0 && int(b[0]) < len(controls) {
		return controls[b[0]]
	}
	return number(b)
}

// headerNames are those of coap/header.go.
var headerNames = [...]string{
	1: "Content-Type", 2: "Content-Disposition", 3: "Location", 4: "Etag", 5: "Retry-After",
	6: "Last-Modified", 7: "Cache-Control", 8: "Content-Range", 9: "Accept-Ranges", 10: "Www-Authenticate",
	11: "Set-Cookie", 12: "Content-Encoding", 13: "Content-Language", 14: "Allow", 15: "Authorization",
	16: "Cookie", 17: "Range", 18: "If-None-Match", 19: "If-Match", 20: "If-Modified-Since",
	21: "If-Range", 22: "Content-Length", 23: "Expires", 24: "Prefer",
}

func headerName(id byte) string {
	if int(id) < len(headerNames) && headerNames[id] != "" {
		return headerNames[id]
	}
	return fmt.Sprintf("header %d", id)
}

func header(b []byte) string {
	if len(b) == 0 {
		return "(empty)"
	}
	name := headerName(b[0])
	if isSecret(name) {
		return name + ": " + notShown(len(b)-1)
	}
	return name + ": " + text(b[1:])
}

// idSize is the length of the name of a format.
const idSize = len(wire2.ID{})

// offer is a list of formats, or an answer to one.
func offer(b []byte) string {
	if len(b) == 0 {
		return "no format in common"
	}
	s := fmt.Sprintf("%d entries, class %d", entries(b[0]), coder.Class(b[0]>>4&3))
	rest := b[1:]
	if len(rest) < idSize {
		return s
	}
	s += ", format " + hex.EncodeToString(rest[:idSize])
	if rest = rest[idSize:]; len(rest) > 0 {
		s += " " + text(rest)
	}
	return s
}

func entries(capabilities byte) int {
	if capabilities&15 == 0 {
		return 0
	}
	return 1 << (capabilities & 15)
}
