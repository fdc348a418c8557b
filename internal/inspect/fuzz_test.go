package inspect

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// FuzzInspect: whatever is shown, nothing panics.
func FuzzInspect(f *testing.F) {
	format, err := wire2.Shipped(1)
	require.NoError(f, err)
	f.Add([]byte("\x52\x05\x12\x34\x07\xff\x02"))
	f.Add([]byte("\x45\x02\x12\x34\x07\xd1\xf3\xff\x00\xd6\xa1\x00\x01\x00"))
	f.Add([]byte("\x41\x01\x12\x34\x07\xb1a\xe0\xfe\xe8\xd3\x00xyz\x2d\x00"))
	f.Add([]byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x65\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var message, request, response Report
		NewConversation(format, "example.org").Message(&message, bytes.Clone(data))
		s := NewSession(format, "example.org")
		asked, _ := s.Request(&request, data)
		_ = s.Response(&response, data, 200, asked)
		_ = s.Response(new(Report), data, 200, &Asked{Route: dialect.OtherRoute})
		for _, r := range []*Report{&message, &request, &response} {
			require.NoError(t, r.Write(io.Discard, Style{Full: true}))
		}
		_ = Capture(io.Discard, bytes.NewReader(data), format, "", Style{})
		requireOptions(t, data)
	})
}

// requireOptions checks that a message is cut into the options that an endpoint reads in it.
func requireOptions(t *testing.T, data []byte) {
	m, err := endpoint.ParseMessage(data)
	if err != nil {
		return
	}
	rest, number := data[headerSize+len(m.Token):len(data)-len(m.Payload)], 0
	if len(m.Payload) > 0 {
		rest = rest[:len(rest)-1] // the marker
	}
	var options endpoint.Options
	for len(rest) > 0 {
		o, size := nextOption(rest, &number)
		rest = rest[size:]
		if o.Number != 0 { // which is reserved (RFC 7252 §12.2), elective, and left out by go-coap
			options = append(options, o)
		}
	}
	require.Len(t, options, len(m.Options))
	for i, o := range options {
		require.Equal(t, m.Options[i].Number, o.Number)
		require.Equal(t, string(m.Options[i].Value), string(o.Value))
	}
}
