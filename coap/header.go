package coap

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/coapgw/coapgw/coap/endpoint"
)

// headerRow is one HTTP header that travels between two coapgw. All others stay
// behind: they describe the hop (Date, Server, Connection), are restored on the
// other side (Content-Length, CORS), or cost more than they tell a Matrix client.
type headerRow struct {
	id   uint8
	name string
	// request, answer: carried with a request, with any response.
	request, answer bool
	// media: carried with a response whose body is not JSON.
	media bool
}

// headerTable is part of the wire format: an id is never given to another name.
var headerTable = [...]headerRow{
	{id: 1, name: "Content-Type", request: true, answer: true, media: true},
	{id: 2, name: "Content-Disposition", request: true, answer: true, media: true},
	{id: 3, name: "Location", answer: true, media: true},
	{id: 4, name: "Etag", answer: true, media: true},
	{id: 5, name: "Retry-After", answer: true, media: true},
	{id: 6, name: "Last-Modified", answer: true, media: true},
	{id: 7, name: "Cache-Control", media: true},
	{id: 8, name: "Content-Range", request: true, answer: true, media: true},
	{id: 9, name: "Accept-Ranges", media: true},
	{id: 10, name: "Www-Authenticate", answer: true, media: true},
	{id: 11, name: "Set-Cookie", answer: true, media: true},
	{id: 12, name: "Content-Encoding", request: true, answer: true, media: true},
	{id: 13, name: "Content-Language", answer: true, media: true},
	{id: 14, name: "Allow", answer: true, media: true},
	{id: 15, name: "Authorization", request: true},
	{id: 16, name: "Cookie", request: true},
	{id: 17, name: "Range", request: true},
	{id: 18, name: "If-None-Match", request: true},
	{id: 19, name: "If-Match", request: true},
	{id: 20, name: "If-Modified-Since", request: true},
	{id: 21, name: "If-Range", request: true},
	{id: 22, name: "Content-Length", answer: true, media: true},
	{id: 23, name: "Expires", media: true},
	{id: 24, name: "Prefer", request: true},
}

func headerByID(id uint8) (headerRow, bool) {
	for _, row := range headerTable {
		if row.id == id {
			return row, true
		}
	}
	return headerRow{}, false
}

func headerByName(name string) (headerRow, bool) {
	name = textproto.CanonicalMIMEHeaderKey(name)
	for _, row := range headerTable {
		if row.name == name {
			return row, true
		}
	}
	return headerRow{}, false
}

// field is one header line on its way.
type field struct{ name, value string }

// maxOptionField bounds a header value that travels as an option, in bytes; longer
// ones go into the envelope, because options are repeated in each block of a
// block-wise transfer and count against the datagram.
const maxOptionField = 128

// maxOptionHeader is the most that stands in front of an option's value: a byte,
// and two extension bytes each for delta and length (RFC 7252 §3.1).
const maxOptionHeader = 5

// fields collects the lines of h that the predicate picks, in table order.
func fields(h http.Header, pick func(headerRow) bool) []field {
	var fs []field
	for _, row := range headerTable {
		if !pick(row) {
			continue
		}
		for _, v := range h[row.name] {
			fs = append(fs, field{row.name, v})
		}
	}
	return fs
}

// addFields writes the lines as OptionHeader as long as all options together take
// at most max bytes; it returns those that are too long or for which there is no
// room.
func addFields(opts endpoint.Options, fs []field, max int) (_ endpoint.Options, long []field) {
	size := opts.EncodedSize()
	for _, f := range fs {
		row, ok := headerByName(f.name)
		if !ok {
			continue
		}
		take := maxOptionHeader + 1 + len(f.value)
		follows := len(long) > 0 && long[len(long)-1].name == f.name // lines of a name keep their order
		if follows || len(f.value) > maxOptionField || size+take > max {
			long = append(long, f)
			continue
		}
		size += take
		opts = opts.Add(OptionHeader, append([]byte{row.id}, f.value...))
	}
	return opts, long
}

// optionFields reads the lines of OptionHeader. Unknown ids, and values that
// could not stand in an HTTP message, are left out: the option is elective.
func optionFields(opts endpoint.Options) []field {
	var fs []field
	for _, v := range opts.GetAll(OptionHeader) {
		if len(v) == 0 {
			continue
		}
		if row, ok := headerByID(v[0]); ok && validFieldValue(string(v[1:])) {
			fs = append(fs, field{row.name, string(v[1:])})
		}
	}
	return fs
}

// setFields puts received lines that the direction allows into h.
func setFields(h http.Header, fs []field, pick func(headerRow) bool) {
	for _, f := range fs {
		if row, ok := headerByName(f.name); ok && pick(row) {
			h.Add(row.name, f.value)
		}
	}
}

func inRequest(r headerRow) bool  { return r.request }
func inAnswer(r headerRow) bool   { return r.answer }
func inMedia(r headerRow) bool    { return r.media }
func inResponse(r headerRow) bool { return r.answer || r.media }

// validFieldValue reports whether v may stand in a header line (RFC 9110 §5.5): a
// peer must not smuggle a line break into the request to the homeserver.
func validFieldValue(v string) bool {
	return !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}
