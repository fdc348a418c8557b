package coap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// A client that has an answer asks whether it still holds (RFC 7252 §5.10.6). Both
// ends compute the entity-tag from the JSON that they have, so that the answer itself
// need not bring one; what this end takes for the tag is in HTTP a validator in
// If-None-Match, and on the link the ETag option of a request. The homeserver sees
// neither, and its own entity-tags travel as headers as ever.

// tagSize is the length of an entity-tag in bytes. An answer that changed is taken for
// one that did not with a probability of 2^-32.
const tagSize = 4

// tagPrefix and tagSuffix enclose the 8 hexadecimal digits of an entity-tag of ours. It
// is weak: the same JSON may be written otherwise.
const (
	tagPrefix = `W/"coapgw-`
	tagSuffix = `"`
)

// EntityTag returns the validator of a JSON answer with status 200, for If-None-Match.
// Where Transport finds that one in a GET it costs 5 bytes on the link, and a coapgw at
// the other end answers 304 if its answer would be the same. ok is false for what has
// no such validator: bodies that are not JSON, and those of more than 1 MiB.
func EntityTag(contentType string, body []byte) (validator string, ok bool) {
	tag, ok := entityTag(contentType, body)
	if !ok {
		return "", false
	}
	return tagPrefix + hex.EncodeToString(tag) + tagSuffix, true
}

// maxTagged bounds the bodies that have an entity-tag, in bytes.
const maxTagged = 1 << 20

// entityTag is the beginning of SHA-256 over Content-Type and the body in version 1:
// white space and escapes do not survive the link, so they must not count.
func entityTag(contentType string, body []byte) (tag []byte, ok bool) {
	if !isJSON(contentType) || len(body) == 0 || len(body) > maxTagged {
		return nil, false
	}
	text := append([]byte(contentType), 0)
	text, err := cborcodec.V1(cborcodec.Limits{}).AppendCBOR(text, body)
	if err != nil {
		return nil, false
	}
	sum := sha256.Sum256(text)
	return sum[:tagSize], true
}

// parseTag reads a validator that EntityTag made.
func parseTag(validator string) (tag []byte, ok bool) {
	digits, ok := strings.CutPrefix(validator, tagPrefix)
	if !ok {
		return nil, false
	}
	if digits, ok = strings.CutSuffix(digits, tagSuffix); !ok {
		return nil, false
	}
	tag, err := hex.DecodeString(digits)
	return tag, err == nil && len(tag) == tagSize
}

// takeTag takes the validator of ours out of the headers of a request. It is the only
// one then: several go as they are.
func (o *outgoing) takeTag() {
	if o.method != http.MethodGet {
		return
	}
	at := -1
	for i, f := range o.fields {
		if f.name != "If-None-Match" {
			continue
		}
		if at >= 0 {
			return
		}
		at = i
	}
	if at < 0 {
		return
	}
	if tag, ok := parseTag(o.fields[at].value); ok {
		o.tag = tag
		o.fields = append(o.fields[:at:at], o.fields[at+1:]...)
	}
}

// askedTag is the entity-tag that a coapgw asks about, nil for none. A request with
// several is not of ours.
func askedTag(r *endpoint.Request) []byte {
	tags := r.Options.GetAll(endpoint.ETag)
	if len(tags) != 1 || len(tags[0]) != tagSize {
		return nil
	}
	return tags[0]
}

// validated is 304 in place of an answer that the client has, by the tag that it asks
// about (RFC 7252 §5.10.6.2). Its response has no ETag option although RFC 7252
// §5.9.1.3 asks for one: it would repeat the only one of the request.
func validated(a answer, tag []byte) answer {
	data, whole := a.body.(*bytes.Reader)
	if tag == nil || a.status != http.StatusOK || !whole {
		return a
	}
	body := make([]byte, data.Len())
	if _, err := data.ReadAt(body, 0); err != nil {
		return a
	}
	own, ok := entityTag(strings.Join(a.header["Content-Type"], ", "), body)
	if !ok || !bytes.Equal(own, tag) {
		return a
	}
	header := a.header.Clone()
	header.Del("Content-Type")
	header.Del("Content-Length")
	return answer{status: http.StatusNotModified, header: header}
}
