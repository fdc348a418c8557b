package coap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/coapgw/coapgw/cborcodec"
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
	head := cborcodec.AppendArray(nil, len(items))
	for _, s := range items {
		if utf8.ValidString(s) {
			head = cborcodec.AppendText(head, s)
		} else {
			head = cborcodec.AppendBytes(head, s)
		}
	}
	if len(head) > maxEnvelope || len(items) > maxEnvelopeItems {
		return nil, fmt.Errorf("coap: an envelope of %d items and %d bytes is too large", len(items), len(head))
	}
	return head, nil
}

// openEnvelope reads the array and returns the body behind it, with its size when
// the size of the whole is known.
func openEnvelope(body io.Reader, size int64) (items []string, _ io.Reader, _ int64, err error) {
	if body == nil {
		return nil, nil, 0, io.ErrUnexpectedEOF
	}
	// What is read beyond the array is the start of the body.
	var head []byte
	for want := 512; ; want = min(2*want, maxEnvelope) {
		n := len(head)
		head = slices.Grow(head, want-n)[:want]
		read, failed := io.ReadFull(body, head[n:])
		head = head[:n+read]
		items, rest, err := OpenEnvelope(head)
		if err == nil {
			if size >= 0 {
				size -= int64(len(head) - len(rest))
			}
			return items, withCloser{io.MultiReader(bytes.NewReader(rest), body), body}, size, nil
		}
		if failed != nil && failed != io.ErrUnexpectedEOF && failed != io.EOF {
			return nil, nil, 0, failed
		}
		if failed != nil || want == maxEnvelope || !errors.Is(err, cborcodec.ReasonTruncated) {
			return nil, nil, 0, err
		}
	}
}

// OpenEnvelope reads the envelope at the start of a payload, as a Server and a Transport do, for who looks
// at messages. It returns its items and the body behind it, a part of payload. It fails where there is
// no array of strings, or one of more than 64 items or 64 kB.
func OpenEnvelope(payload []byte) (items []string, body []byte, err error) {
	in := cborcodec.NewItems(payload[:min(len(payload), maxEnvelope)])
	items, err = envelopeItems(in)
	if err != nil {
		return nil, nil, err
	}
	return items, payload[in.Offset():], nil
}

func envelopeItems(in *cborcodec.Items) (items []string, err error) {
	array, err := in.Array()
	if err != nil {
		return nil, err
	}
	for {
		more, err := in.More(&array)
		if err != nil || !more {
			return items, err
		}
		if len(items) == maxEnvelopeItems {
			return nil, fmt.Errorf("coap: an envelope of more than %d items", maxEnvelopeItems)
		}
		item, err := in.Octets()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
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
