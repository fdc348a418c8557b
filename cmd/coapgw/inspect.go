//go:build !clientonly

package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"

	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/inspect"
)

type inspectCmd struct {
	File       string `arg:"" optional:"" help:"Capture (pcap), or a message; standard input by default." type:"existingfile"`
	Payload    bool   `env:"-" help:"The message is the payload of wire version 2 alone, of a request."`
	Response   bool   `env:"-" help:"With --payload: of a response."`
	Route      string `env:"-" help:"Request that a response answers, such as 'GET /_matrix/client/v3/sync': the coder goes by it." placeholder:"'METHOD /PATH'"`
	After      string `env:"-" help:"Path of a request with a transaction ID, as the client wrote the last one before a request that is shown: the coder goes by how clients write." placeholder:"/PATH"`
	Status     int    `env:"-" default:"200" help:"HTTP status of the response." placeholder:"N"`
	ServerName string `env:"-" help:"Name of the homeserver, where the session that is shown does not tell it." placeholder:"NAME"`
	Full       bool   `env:"-" help:"Show all bytes and texts."`
}

// Help is shown by inspect --help.
func (inspectCmd) Help() string {
	return `Shows what a message says, a line for each field: what it costs in bytes and, where the coder mixes contexts, in bits; its bytes before coding; and what they mean; then the bytes by layer. Of a capture it shows each datagram, and follows the sessions of coap:// so that it knows what references stand for; of coaps:// it sees no more than anybody else. Access tokens and passwords are not shown.

Input is a capture as coapgw link --pcap writes it, or one CoAP message or DTLS record, in hexadecimal or as it is.

Example: what a session over an emulated link was made of

  coapgw link --profile hf-vara500 --to 127.0.0.1:5683 --pcap session.pcap
  coapgw inspect session.pcap`
}

// maxInspected bounds a message, in bytes; a capture is read as it comes.
const maxInspected = 1 << 20

// Run shows the input.
func (c *inspectCmd) Run(std streams) error {
	format, err := wire2.Shipped(1)
	if err != nil {
		return err
	}
	in := std.in
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	style := inspect.Style{Full: c.Full}
	head := make([]byte, 4)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	in = io.MultiReader(bytes.NewReader(head[:n]), in)
	if !c.Payload && inspect.IsCapture(head[:n]) {
		return inspect.Capture(std.out, in, format, c.ServerName, style)
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInspected))
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return errors.New("nothing to show")
	}
	var report inspect.Report
	if err := c.message(&report, fromHex(data), format); err != nil {
		return err
	}
	return report.Write(std.out, style)
}

// message reports on one message or payload.
func (c *inspectCmd) message(r *inspect.Report, data []byte, format *wire2.Format) error {
	route, known := inspect.Route(c.Route)
	switch {
	case c.Route == "":
		route = inspect.NoRoute
	case !known:
		return &config.Error{Option: "route", Problem: fmt.Sprintf("%q is no request that version 2 has a row for", c.Route)}
	}
	conversation := inspect.NewConversation(format, c.ServerName)
	if c.After != "" {
		style, ok := inspect.StyleOf(c.After)
		if !ok {
			return &config.Error{Option: "after", Problem: fmt.Sprintf("%q is no path with a transaction ID that version 2 has a row for", c.After)}
		}
		conversation.Assume(style)
	}
	switch {
	case !c.Payload:
		conversation.AssumeRoute(route, known)
		conversation.Datagram(r, data)
	case c.Response:
		// What cannot be read is said in the report.
		_ = conversation.Response(r, data, c.Status, &inspect.Asked{Route: route})
	default:
		_, _ = conversation.Request(r, data)
	}
	return nil
}

// fromHex returns the bytes of hexadecimal digits with white space, or else data.
func fromHex(data []byte) []byte {
	digits := bytes.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, data)
	b := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(b, digits); err != nil {
		return data
	}
	return b
}
