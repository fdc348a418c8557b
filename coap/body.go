package coap

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/coapgw/coapgw/cborcodec"
)

// payload is a body on its way to the link.
type payload struct {
	// json is the body when it may be JSON and is in memory; it is converted when
	// it is known for whom. data is another body that is in memory. Otherwise body
	// is read as it is, nil when there is none, and size is its length in bytes, -1
	// when unknown.
	json []byte
	data []byte
	body io.Reader
	size int64
	// format is the CoAP Content-Format; hasFormat is false when nothing is known
	// about the content.
	format    uint32
	hasFormat bool
	// contentType is the Content-Type; explicit says that the format alone would
	// not restore it.
	contentType string
	explicit    bool
}

// content reports whether there is any.
func (p *payload) content() bool { return p.json != nil || p.data != nil || p.body != nil }

// replayable reports whether the body can be sent a second time.
func (p *payload) replayable() bool { return p.body == nil }

// takeBody makes a payload of an HTTP body of the given Content-Type and length
// (-1 unknown). It reads the whole of what may be JSON, up to the limit. What is a file
// goes as it is unless its conversion is undone to the byte.
func (m *Mapping) takeBody(body io.Reader, size int64, contentType string, hasType, file bool) (payload, error) {
	p := payload{contentType: contentType, explicit: hasType}
	if body == nil || size == 0 {
		return p, nil
	}
	if !isJSON(contentType) {
		p.body, p.size, p.hasFormat = body, size, true
		var exact bool
		p.format, exact = contentFormat(contentType)
		p.explicit = !exact
		return p, nil
	}
	data, rest, err := readUpTo(body, size, m.maxJSON)
	if err != nil {
		return p, err
	}
	switch {
	case rest != nil: // too large to convert
		p.body, p.size, p.format, p.hasFormat = rest, size, formatJSON, true
	case len(data) > 0 && file && !m.restores(data):
		p.data, p.format, p.hasFormat = data, formatJSON, contentType != ""
		if contentType == "" {
			return p, nil // nothing is known, so nothing is said
		}
	case len(data) > 0:
		p.json = data
	default:
		return p, nil
	}
	p.explicit = contentType != "application/json"
	return p, nil
}

// restores reports whether JSON comes out of its conversion as it was, white space and
// escapes included.
func (m *Mapping) restores(json []byte) bool {
	cbor, err := m.v1.AppendCBOR(make([]byte, 0, len(json)), json)
	if err != nil {
		return false
	}
	again, err := m.v1.AppendJSON(make([]byte, 0, len(json)), cbor)
	return err == nil && bytes.Equal(again, json)
}

// encode turns JSON into CBOR. What claims to be JSON and is not travels as it
// is.
func (p payload) encode(codec *cborcodec.Codec) payload {
	if p.data != nil {
		p.body, p.size = bytes.NewReader(p.data), int64(len(p.data))
	}
	if p.json == nil {
		return p
	}
	data, err := codec.AppendCBOR(make([]byte, 0, len(p.json)), p.json)
	switch {
	case err == nil:
		p.format, p.hasFormat = formatCBOR, true
	case p.contentType == "":
		// No type and no JSON: nothing is known, so nothing is said.
		data, p.explicit = p.json, false
	default:
		data, p.format, p.hasFormat = p.json, formatJSON, true
	}
	p.json, p.body, p.size = nil, bytes.NewReader(data), int64(len(data))
	return p
}

// hold keeps a short body in memory, so that the request can be sent again when the
// peer refuses it unread.
func (p *payload) hold() error {
	const most = 64 << 10
	if p.body == nil || p.size < 0 || p.size > most {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(p.body, p.size))
	if err == nil && int64(len(data)) < p.size {
		err = io.ErrUnexpectedEOF
	}
	p.data, p.body = data, nil
	return err
}

// tagged reports whether the body has a number or a string that only a coapgw
// reads exactly.
func (p *payload) tagged(m *Mapping) bool {
	if p.json == nil {
		return false
	}
	exact, err := m.v1.AppendCBOR(nil, p.json)
	if err != nil {
		return false
	}
	plain, err := m.foreign.AppendCBOR(nil, p.json)
	return err != nil || !bytes.Equal(exact, plain)
}

// readUpTo reads a body of at most max bytes. A longer one comes back as rest,
// from its first byte.
func readUpTo(body io.Reader, size int64, max int) (data []byte, rest io.Reader, err error) {
	if size > int64(max) {
		return nil, body, nil
	}
	buf := bytes.NewBuffer(make([]byte, 0, readHint(size)))
	if _, err := buf.ReadFrom(io.LimitReader(body, int64(max)+1)); err != nil {
		return nil, nil, err
	}
	if buf.Len() > max {
		return nil, withCloser{io.MultiReader(buf, body), body}, nil
	}
	return buf.Bytes(), nil, nil
}

// readHint is the buffer to begin with for a body that claims the given size.
func readHint(size int64) int64 {
	const most = 64 << 10 // a claim costs a peer nothing; it buys no more than this
	if size < 0 {
		return bytes.MinRead
	}
	return min(size+bytes.MinRead, most)
}

// decodeBody restores the HTTP body of a message that arrived: its content, its
// length (-1 unknown) and the Content-Type that the format stands for, empty when
// there is none.
func (m *Mapping) decodeBody(body io.Reader, size int64, format uint32, hasFormat bool) (_ io.Reader, _ int64, contentTypeName string, err error) {
	if body == nil || size == 0 {
		if hasFormat && format == formatJSON {
			return nil, 0, contentType(format), nil
		}
		return nil, 0, "", nil
	}
	if hasFormat && format != formatCBOR {
		return body, size, contentType(format), nil
	}
	if !hasFormat {
		return body, size, "", nil
	}
	json, err := m.decodeCBOR(body, size)
	if err != nil {
		return nil, 0, "", err
	}
	return bytes.NewReader(json), int64(len(json)), "application/json", nil
}

// decodeCBOR reads a whole CBOR body and returns its JSON text.
func (m *Mapping) decodeCBOR(body io.Reader, size int64) ([]byte, error) {
	data, rest, err := readUpTo(body, size, m.maxJSON)
	if err != nil {
		return nil, err
	}
	if rest != nil {
		return nil, errTooLarge("the CBOR body is larger than the gateway converts")
	}
	json, err := m.v1.AppendJSON(make([]byte, 0, len(data)+len(data)/2), data)
	if err != nil {
		return nil, errBadBody(http.StatusBadRequest, "the CBOR body has no JSON form", err)
	}
	return json, nil
}

// closeBody closes a body that can be closed.
func closeBody(body io.Reader) error {
	if c, ok := body.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// errAborted is what the homeserver's handler sees when the link gave up on the
// response it is still writing.
var errAborted = errors.New("coap: the peer gave up on the response")
