package endpoint

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/plgd-dev/go-coap/v3/message"
)

const (
	version       = 1
	headerLen     = 4
	maxTokenLen   = 8
	payloadMarker = 0xff
)

// Message is one CoAP message (RFC 7252 §3).
type Message struct {
	// Type, Code and MessageID are the fields of the header.
	Type      Type
	Code      Code
	MessageID uint16
	// Token has 0 to 8 bytes.
	Token   []byte
	Options Options
	Payload []byte
}

// AppendMessage appends the encoded message to dst. It fails with a *FormatError
// when the token is longer than eight bytes or the options are not in order.
func AppendMessage(dst []byte, m *Message) ([]byte, error) {
	if len(m.Token) > maxTokenLen {
		return dst, &FormatError{"token longer than 8 bytes"}
	}
	dst = append(dst, version<<6|byte(m.Type&3)<<4|byte(len(m.Token)), byte(m.Code))
	dst = binary.BigEndian.AppendUint16(dst, m.MessageID)
	dst = append(dst, m.Token...)

	var array [16]message.Option
	opts := message.Options(array[:0])
	size := 0
	for i, o := range m.Options {
		if i > 0 && o.Number < m.Options[i-1].Number {
			return dst, &FormatError{"options not in ascending order"}
		}
		opts = append(opts, message.Option{ID: message.OptionID(o.Number), Value: o.Value})
		size += maxOptionHeader + len(o.Value)
	}
	dst = slices.Grow(dst, size+1+len(m.Payload))
	n, err := opts.Marshal(dst[len(dst) : len(dst)+size])
	if err != nil {
		return dst, &FormatError{err.Error()}
	}
	dst = dst[:len(dst)+n]
	if len(m.Payload) > 0 {
		dst = append(append(dst, payloadMarker), m.Payload...)
	}
	return dst, nil
}

// maxOptionHeader is the size of an option without its value, at most
// (RFC 7252 §3.1).
const maxOptionHeader = 5

// EncodedSize is the number of bytes that the options occupy in a message (RFC 7252
// §3.1).
func (o Options) EncodedSize() int {
	size, last := 0, OptionNumber(0)
	for _, opt := range o {
		size += 1 + extended(int(opt.Number-last)) + extended(len(opt.Value)) + len(opt.Value)
		last = opt.Number
	}
	return size
}

// extended is the number of extension bytes for a delta or a length (RFC 7252
// §3.1).
func extended(v int) int {
	switch {
	case v < 13:
		return 0
	case v < 269:
		return 1
	}
	return 2
}

// errVersion marks a datagram of another protocol version, which is ignored in
// silence whatever else it holds (RFC 7252 §3).
var errVersion = &FormatError{"unknown version"}

// ParseMessage decodes one datagram. Token, option values and payload of the
// message refer to data. When it fails, the error is a *FormatError, and Type and
// MessageID are those of the message as far as a header could be read.
//
// It checks what belongs to the format: lengths, and which codes each message
// type may carry. Whether options are known and of legal length is for the
// receiver of the message to judge.
func ParseMessage(data []byte) (Message, error) {
	if len(data) < headerLen {
		return Message{Type: Acknowledgement}, &FormatError{"shorter than a header"}
	}
	m := Message{
		Type:      Type(data[0] >> 4 & 3),
		Code:      Code(data[1]),
		MessageID: binary.BigEndian.Uint16(data[2:]),
	}
	if data[0]>>6 != version {
		return m, errVersion
	}
	if err := checkTypeAndCode(m.Type, m.Code); err != nil {
		return m, err
	}
	tokenLen := int(data[0] & 15)
	if tokenLen > maxTokenLen {
		return m, &FormatError{"token longer than 8 bytes"} // RFC 7252 §3
	}
	if m.Code == Empty && len(data) > headerLen {
		return m, &FormatError{"empty message with content"} // RFC 7252 §4.1
	}
	rest := data[headerLen:]
	if len(rest) < tokenLen {
		return m, &FormatError{"truncated token"}
	}
	m.Token, rest = rest[:tokenLen:tokenLen], rest[tokenLen:]
	return m, parseOptions(&m, rest)
}

// checkTypeAndCode refuses what RFC 7252 §4.2 and §4.3 call a message format
// error: table 1 in §4.3 says which combinations have a meaning.
func checkTypeAndCode(t Type, c Code) error {
	switch {
	case c == Empty && t == NonConfirmable:
		return &FormatError{"empty non-confirmable message"}
	case c != Empty && t == Reset:
		return &FormatError{"reset with a code"}
	case c.IsRequest() && t == Acknowledgement:
		return &FormatError{"request in an acknowledgement"}
	case c != Empty && !c.IsRequest() && !c.IsResponse():
		return &FormatError{"reserved code class"}
	}
	return nil
}

// parseOptions decodes options and payload. The option definitions given to the
// decoder are nil, for with definitions it drops every option of illegal length,
// critical ones included.
func parseOptions(m *Message, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	var array [16]message.Option
	opts := message.Options(array[:0])
	n, err := opts.Unmarshal(data, nil)
	if errors.Is(err, message.ErrOptionsTooSmall) {
		opts = make(message.Options, 0, len(data))
		n, err = opts.Unmarshal(data, nil)
	}
	if err != nil {
		return &FormatError{err.Error()}
	}
	if len(opts) > 0 {
		m.Options = make(Options, len(opts))
		for i, o := range opts {
			m.Options[i] = Option{OptionNumber(o.ID), o.Value}
		}
	}
	if n < len(data) {
		m.Payload = data[n:]
	} else if endsInMarker(data, opts) {
		return &FormatError{"payload marker without payload"} // RFC 7252 §3
	}
	return nil
}

// endsInMarker reports whether the last byte of data, which decoded without
// error, is the payload marker rather than part of the last option. The decoder
// consumes a marker and does not say so; but what stands before a marker decodes
// on its own, and a truncated option does not.
func endsInMarker(data []byte, decoded message.Options) bool {
	last := len(data) - 1
	if data[last] != payloadMarker {
		return false
	}
	opts := make(message.Options, 0, len(decoded))
	_, err := opts.Unmarshal(data[:last], nil)
	return err == nil
}
