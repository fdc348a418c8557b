package inspect

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Layer is who a byte belongs to.
type Layer uint8

// Layers, from the outside in.
const (
	IP Layer = iota
	DTLS
	Header
	Token
	Options
	Marker
	Payload
	// Sealed is what DTLS hides: all inside.
	Sealed
	layers
)

var layerNames = [layers]string{"IP and UDP", "DTLS", "CoAP header", "token", "options", "payload marker", "payload", "encrypted"}

// Line is a field.
type Line struct {
	// Depth is how far it is indented.
	Depth int
	// Size is how many bytes it takes, 0 for a line that says something about others.
	Size int
	// Bytes are those, as they stand in the message or in what was decoded; nil where they
	// are not shown.
	Bytes []byte
	// Bits is what the coder paid for it, where Coded; Size does not matter then.
	Bits  float64
	Coded bool
	Text  string
}

// Report is what is known of a datagram, a message or a payload.
type Report struct {
	Title string
	Lines []Line
	// Cost is how many bytes each layer has.
	Cost [layers]int
}

// add adds a field of a layer.
func (r *Report) add(l Layer, depth int, b []byte, text string) {
	r.Cost[l] += len(b)
	r.Lines = append(r.Lines, Line{Depth: depth, Size: len(b), Bytes: b, Text: text})
}

// hide adds a field whose bytes are not shown.
func (r *Report) hide(l Layer, depth, size int, text string) {
	r.Cost[l] += size
	r.Lines = append(r.Lines, Line{Depth: depth, Size: size, Text: text})
}

// say adds a line about others.
func (r *Report) say(depth int, format string, args ...any) {
	r.Lines = append(r.Lines, Line{Depth: depth, Text: fmt.Sprintf(format, args...)})
}

// Total is the length of everything.
func (r *Report) Total() (n int) {
	for _, c := range r.Cost {
		n += c
	}
	return n
}

const (
	// hexWidth is how many bytes stand in a line, shownBytes how many of a field at most
	// unless everything is wanted.
	hexWidth   = 16
	shownBytes = 32
	// shownText is how much of a text, in characters.
	shownText = 160
)

// Style is how reports are written.
type Style struct {
	// Full shows all bytes and texts.
	Full bool
	// Bare leaves the breakdown away.
	Bare bool
}

// Write writes the report as text.
func (r *Report) Write(w io.Writer, s Style) error {
	var b strings.Builder
	if r.Title != "" {
		b.WriteString(r.Title + "\n")
	}
	for i := range r.Lines {
		r.Lines[i].write(&b, s)
	}
	if !s.Bare {
		r.writeCost(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// write writes what the field costs in bytes and in bits, its bytes and its text.
func (l *Line) write(b *strings.Builder, s Style) {
	size, bits := "", ""
	if l.Size > 0 {
		size = fmt.Sprint(l.Size)
	}
	if l.Coded {
		size, bits = fmt.Sprintf("%.1f", l.Bits/8), fmt.Sprintf("%.1f", l.Bits)
	}
	bytes, more := l.Bytes, 0
	if !s.Full && len(bytes) > shownBytes {
		more = len(bytes) - shownBytes
		bytes = bytes[:shownBytes]
	}
	text := strings.Repeat("  ", l.Depth) + clean(l.Text, s.Full)
	first := bytes[:min(len(bytes), hexWidth)]
	line := fmt.Sprintf("%6s %7s  %-*x  %s", size, bits, 2*hexWidth, first, text)
	b.WriteString(strings.TrimRight(line, " ") + "\n")
	for at := hexWidth; at < len(bytes); at += hexWidth {
		tail := ""
		if at+hexWidth >= len(bytes) && more > 0 {
			tail = fmt.Sprintf("… and %d bytes", more)
		}
		line := fmt.Sprintf("%16s%-*x  %s", "", 2*hexWidth, bytes[at:min(at+hexWidth, len(bytes))], tail)
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// clean makes a text of one line out of what may be anything.
func clean(s string, full bool) string {
	var b strings.Builder
	n := 0
	for i, c := range s {
		if n++; n > shownText && !full {
			fmt.Fprintf(&b, "… and %d bytes", len(s)-i)
			break
		}
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			fmt.Fprintf(&b, "\\x%02x", s[i])
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// writeCost writes the breakdown.
func (r *Report) writeCost(b *strings.Builder) {
	var parts []string
	for l, n := range r.Cost {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", layerNames[l], n))
		}
	}
	if len(parts) > 0 {
		fmt.Fprintf(b, "%6d          %s\n", r.Total(), strings.Join(parts, ", "))
	}
}
