package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// wiretap shows the CoAP messages that cross a session.
type wiretap struct {
	net.Conn
	mu sync.Mutex
	w  io.Writer
}

func newWiretap(conn net.Conn, w io.Writer) *wiretap { return &wiretap{Conn: conn, w: w} }

// Read implements net.Conn.
func (t *wiretap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	if err == nil {
		t.show("<", p[:n])
	}
	return n, err
}

// Write implements net.Conn.
func (t *wiretap) Write(p []byte) (int, error) {
	t.show(">", p)
	return t.Conn.Write(p)
}

// Overhead tells coap.Transport what the layer below adds to a datagram.
func (t *wiretap) Overhead() int {
	if o, ok := t.Conn.(interface{ Overhead() int }); ok {
		return o.Overhead()
	}
	return 0
}

func (t *wiretap) show(direction string, datagram []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	io.WriteString(t.w, describe(direction, datagram))
}

// describe writes a message for a person: a line of header, one for each option,
// and the payload in hexadecimal. An access token is not shown.
func describe(direction string, datagram []byte) string {
	var b strings.Builder
	m, err := endpoint.ParseMessage(datagram)
	if err != nil {
		fmt.Fprintf(&b, "%s %d bytes: %v\n", direction, len(datagram), err)
		return b.String()
	}
	fmt.Fprintf(&b, "%s %d bytes: %s %v message ID %d token [%x]\n", direction, len(datagram), typeNames[m.Type&3], m.Code, m.MessageID, m.Token)
	for _, o := range m.Options {
		row := optionRowOf(o.Number)
		value := fmt.Sprintf("%x", o.Value)
		switch row.form {
		case text:
			value = fmt.Sprintf("%q", o.Value)
		case secret:
			value = fmt.Sprintf("(%d bytes, not shown)", len(o.Value))
		}
		fmt.Fprintf(&b, "%s   option %d %s %s\n", direction, o.Number, row.name, value)
	}
	for line := range strings.Lines(hex.Dump(m.Payload)) {
		fmt.Fprintf(&b, "%s   %s", direction, line)
	}
	return b.String()
}

// typeNames are the message types of RFC 7252 §3.
var typeNames = [...]string{"CON", "NON", "ACK", "RST"}

// form is how the value of an option is shown.
type form uint8

const (
	opaque form = iota
	text
	secret
)

// optionRow is an option that has a name.
type optionRow struct {
	number endpoint.OptionNumber
	name   string
	form   form
}

var optionRows = [...]optionRow{
	{endpoint.IfMatch, "If-Match", opaque},
	{endpoint.URIHost, "Uri-Host", text},
	{endpoint.ETag, "ETag", opaque},
	{endpoint.IfNoneMatch, "If-None-Match", opaque},
	{endpoint.Observe, "Observe", opaque},
	{endpoint.URIPort, "Uri-Port", opaque},
	{endpoint.LocationPath, "Location-Path", text},
	{endpoint.URIPath, "Uri-Path", text},
	{endpoint.ContentFormat, "Content-Format", opaque},
	{endpoint.MaxAge, "Max-Age", opaque},
	{endpoint.URIQuery, "Uri-Query", text},
	{endpoint.Accept, "Accept", opaque},
	{endpoint.LocationQuery, "Location-Query", text},
	{endpoint.Block2, "Block2", opaque},
	{endpoint.Block1, "Block1", opaque},
	{endpoint.Size2, "Size2", opaque},
	{endpoint.ProxyURI, "Proxy-Uri", text},
	{endpoint.ProxyScheme, "Proxy-Scheme", text},
	{endpoint.Size1, "Size1", opaque},
	{endpoint.Echo, "Echo", opaque},
	{endpoint.RequestTag, "Request-Tag", opaque},
	{coap.OptionAccessToken, "Access-Token", secret},
	{coap.OptionVersion, "CBOR-Version", opaque},
	{coap.OptionSlot, "Slot", opaque},
	{coap.OptionGateway, "Gateway", opaque},
	{coap.OptionMethod, "Method", text},
	{coap.OptionForm, "Form", opaque},
	{coap.OptionEnvelope, "Envelope", opaque},
	{coap.OptionStatus, "Status", opaque},
	{coap.OptionHeader, "Header", opaque},
	{coap.OptionControl, "Control", opaque},
	{coap.OptionReset, "Reset", secret},
	{coap.OptionOffer, "Offer", opaque},
}

func optionRowOf(n endpoint.OptionNumber) optionRow {
	for _, row := range optionRows {
		if row.number == n {
			return row
		}
	}
	return optionRow{number: n, name: "(unknown)"}
}
