package dialect

import (
	"bytes"
	"unicode/utf8"

	"github.com/coapgw/coapgw/cborcodec"
)

// A message with a formatted_body says everything twice, and so does an edit. What repeats
// the text of the last member "body" in the same JSON is written as text with marks, each
// of which stands for a run of that text, in order. A run is as long as it can be without a
// mark-up character, and without spaces at its ends.

// Marks. They are control characters, which texts to be written so may not contain.
const (
	markRun   = 1 // the next run
	markSkip  = 2 // nothing; the next run is passed
	markAgain = 3 // the run that markRun stood for last, once
	markHome  = 4 // the home server's name
	numMarks  = 5
)

// maxBody is the longest text that is repeated, in bytes.
const maxBody = 4096

// breaks are the characters that no run has: those of Markdown, and those that HTML escapes.
var breaks = func() (b [256]bool) {
	for _, c := range "*_`~[]()<>#&\"'|\\\n\r\t" {
		b[c] = true
	}
	return b
}()

// nextRun returns the first run of text, and what follows it; an empty one if there is none.
func nextRun(text []byte) (run, rest []byte) {
	start := 0
	for start < len(text) && (breaks[text[start]] || text[start] == ' ') {
		start++
	}
	end := start
	for end < len(text) && !breaks[text[end]] {
		end++
	}
	return bytes.TrimRight(text[start:end], " "), text[end:]
}

const (
	// maxSkips is how many runs a writer passes to find one that fits.
	maxSkips = 4
	// telling is how long a run must be to be looked for out of order or within a tag, in
	// bytes: shorter ones are anywhere.
	telling = 4
)

// setBody keeps what a member "body" has.
func (m *message) setBody(text []byte) {
	m.hasBody = len(text) > 0 && len(text) <= maxBody
	if m.hasBody {
		m.body = append(m.body[:0], text...)
	}
}

// appendProse appends a text that may repeat the last body, or is one. It may not lie in m's
// buffers.
func (m *message) appendProse(dst, s []byte, kind keyKind) (out []byte, ok bool) {
	if kind == keyFormatted {
		if !m.hasBody {
			return dst, false
		}
		return m.appendMarkup(dst, s, len(s)-2)
	}
	if m.former {
		// Two messages may well begin alike: then text is shorter.
		out, ok = m.appendMarkup(dst, s, len(s)/2)
	}
	m.setBody(s)
	if !ok {
		return dst, false
	}
	return out, true
}

// appendMarkup appends s by means of the last body, if that takes at most so many bytes.
func (m *message) appendMarkup(dst, s []byte, most int) (out []byte, ok bool) {
	marked, tag := m.marked[:0], false
	next := runsOf(m.body)
	var last []byte
	for rest := s; len(rest) > 0; {
		if len(m.home) >= telling && len(rest) >= len(m.home) && string(rest[:len(m.home)]) == m.home {
			marked, rest = append(marked, markHome), rest[len(m.home):]
			continue
		}
		if n := next.find(rest, tag); n >= 0 {
			for range n {
				marked = append(marked, markSkip)
			}
			last = next.runs[n]
			marked, rest = append(marked, markRun), rest[len(last):]
			next = runsOf(next.rest[n])
			continue
		}
		if len(last) >= telling && bytes.HasPrefix(rest, last) {
			marked, rest, last = append(marked, markAgain), rest[len(last):], nil
			continue
		}
		c := rest[0]
		if c < numMarks {
			m.marked = marked[:0]
			return dst, false
		}
		switch c {
		case '<':
			tag = true
		case '>':
			tag = false
		}
		marked, rest = append(marked, c), rest[1:]
	}
	m.marked = marked[:0]
	if bytes.IndexByte(marked, markRun) < 0 || len(marked) > most {
		return dst, false
	}
	text, err := m.appendMarkedText(m.scratch[:0], marked, m.body)
	m.scratch = text[:0]
	if err != nil || !bytes.Equal(text, s) {
		return dst, false
	}
	return appendText(append(dst, majorTag<<5|24, tagMarkup), marked), true
}

// upcoming are the next runs of a text, and what follows each.
type upcoming struct{ runs, rest [maxSkips][]byte }

func runsOf(text []byte) (u upcoming) {
	for i := range u.runs {
		u.runs[i], text = nextRun(text)
		u.rest[i] = text
	}
	return u
}

// find returns the first with which text begins, -1 for none. tag says that text is within one.
func (u *upcoming) find(text []byte, tag bool) int {
	for i, run := range u.runs {
		if len(run) > 0 && (i == 0 && !tag || len(run) >= telling) && bytes.HasPrefix(text, run) {
			return i
		}
	}
	return -1
}

// appendMarkedText appends the text that marked stands for behind a body.
func (m *message) appendMarkedText(dst, marked, body []byte) ([]byte, error) {
	var run []byte
	for _, c := range marked {
		switch c {
		case 0:
			return dst, errContent
		case markRun, markSkip:
			var next []byte
			if next, body = nextRun(body); len(next) == 0 {
				return dst, errContent
			}
			if run = nil; c == markRun {
				run = next
				dst = append(dst, run...)
			}
		case markAgain:
			// Once, so that the text is not much longer than what it is made of.
			if run == nil {
				return dst, errContent
			}
			dst, run = append(dst, run...), nil
		case markHome:
			if m.home == "" {
				return dst, errContent
			}
			dst = append(dst, m.home...)
		default:
			dst = append(dst, c)
		}
	}
	return dst, nil
}

// appendMarkupText appends the text of tagMarkup to the JSON text before it.
func (m *message) appendMarkupText(dst []byte, in *items) ([]byte, error) {
	major, marked, err := in.string()
	if err != nil {
		return dst, err
	}
	if major != majorText || !m.findBody(dst) {
		return dst, errContent
	}
	out, err := m.appendMarkedText(append(dst, '"'), marked, m.body)
	if err != nil {
		return dst, err
	}
	return append(out, '"'), nil
}

// bodyMember is how a body stands in JSON, behind a bracket or a comma. In a string it cannot
// stand like this.
var bodyMember = []byte(`"body":"`)

// findBody sets m.body to the value of the last member "body" of the JSON text so far that is a string.
func (m *message) findBody(json []byte) bool {
	if m.told {
		return m.hasBody
	}
	fresh := json[min(m.searched, len(json)):]
	// What comes may be the value of a "body" itself.
	m.searched = max(m.searched, len(json)-len(bodyMember))
	if raw := lastBody(fresh); raw != nil {
		m.readBody(raw)
	}
	return m.hasBody
}

// lastBody returns the value of the last member "body" of a piece of JSON that is a string, with its
// quotes; nil if there is none.
func lastBody(json []byte) []byte {
	for {
		at := bytes.LastIndex(json, bodyMember)
		if at < 1 {
			return nil
		}
		if before := json[at-1]; before != '{' && before != ',' {
			json = json[:at]
			continue
		}
		raw := json[at+len(bodyMember)-1:]
		return raw[:min(len(raw), stringSize(raw))]
	}
}

// readBody keeps what a member "body" has that is this JSON string.
func (m *message) readBody(quoted []byte) {
	if m.hasBody = len(quoted) > 2 && len(quoted) <= 2+maxEscape*maxBody; m.hasBody {
		m.body = cborcodec.AppendUnescaped(m.body[:0], quoted[1:len(quoted)-1])
		m.hasBody = len(m.body) <= maxBody && utf8.Valid(m.body)
	}
}

// maxEscape is the longest escape of a byte, in bytes.
const maxEscape = 6
