package coap

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// An envelope carries in the payload what does not fit options: one CBOR array of
// strings (RFC 8949), in front of the body. In a request its first item is the
// request target; then follow names and values of headers. What is no UTF-8, as
// header values of old servers, is a byte string.

const (
	// maxEnvelope bounds the array, in bytes.
	maxEnvelope = 64 << 10
	// maxEnvelopeItems bounds its items.
	maxEnvelopeItems = 64
)

// appendEnvelope makes an envelope that openEnvelope reads.
func appendEnvelope(items []string) ([]byte, error) {
	values := make([]any, len(items))
	for i, s := range items {
		values[i] = s
		if !utf8.ValidString(s) {
			values[i] = cbor.ByteString(s)
		}
	}
	head, err := cbor.Marshal(values)
	if err == nil && (len(head) > maxEnvelope || len(items) > maxEnvelopeItems) {
		err = fmt.Errorf("coap: an envelope of %d items and %d bytes is too large", len(items), len(head))
	}
	return head, err
}

// openEnvelope reads the array and returns the body behind it, with its size when
// the size of the whole is known.
func openEnvelope(body io.Reader, size int64) (items []string, _ io.Reader, _ int64, err error) {
	if body == nil {
		return nil, nil, 0, io.ErrUnexpectedEOF
	}
	mode, err := cbor.DecOptions{
		MaxArrayElements: maxEnvelopeItems, MaxNestedLevels: 4,
		ByteStringToString: cbor.ByteStringToStringAllowed,
	}.DecMode()
	if err != nil {
		return nil, nil, 0, err
	}
	dec := mode.NewDecoder(io.LimitReader(body, maxEnvelope))
	if err := dec.Decode(&items); err != nil {
		return nil, nil, 0, err
	}
	if items == nil {
		return nil, nil, 0, fmt.Errorf("coap: the envelope is null")
	}
	// The decoder reads ahead: what it has buffered is the start of the body.
	head, err := io.ReadAll(dec.Buffered())
	if err != nil {
		return nil, nil, 0, err
	}
	if size >= 0 {
		size -= int64(dec.NumBytesRead())
	}
	return items, withCloser{io.MultiReader(bytes.NewReader(head), body), body}, size, nil
}

// withCloser reads from one reader and closes another.
type withCloser struct {
	io.Reader
	under io.Reader
}

func (w withCloser) Close() error { return closeBody(w.under) }

// envelopeFields reads pairs of header names and values.
func envelopeFields(items []string) []field {
	var fs []field
	for i := 0; i+1 < len(items); i += 2 {
		if row, ok := headerByName(items[i]); ok && validFieldValue(items[i+1]) {
			fs = append(fs, field{row.name, items[i+1]})
		}
	}
	return fs
}

func fieldItems(fs []field) []string {
	items := make([]string, 0, 2*len(fs))
	for _, f := range fs {
		items = append(items, f.name, f.value)
	}
	return items
}
