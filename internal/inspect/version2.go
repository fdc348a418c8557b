package inspect

import (
	"fmt"
	"strings"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/cborcodec/wire2"
)

// view writes one payload of version 2 into a report.
type view struct {
	report       *Report
	payload      []byte
	opened       *wire2.Opened
	request      bool
	notification bool
	// base is that in the sender's table, ack that in the server's; missing says that the
	// message names one that is not known.
	base, ack *batch
	missing   bool
}

// malformed says why nothing can be shown. What cannot be read may be a secret.
func (v *view) malformed(err error) {
	v.report.hide(Payload, 1, len(v.payload), fmt.Sprintf("not a payload of version 2 with this model and route: %v", err))
}

// show writes header bytes, state and items.
func (v *view) show(codec *dialect.Codec, x *dialect.Context) {
	o, r := v.opened, v.report
	if o.Control != 0 {
		r.add(Payload, 1, v.payload[:1], "header: control")
		r.add(Payload, 1, v.payload[1:], "unknown state: the request was not executed and is to be repeated")
		return
	}
	if o.Wrap > 0 {
		r.hide(Payload, 1, o.Wrap, "padding, or lengths of pieces")
	}
	for i := range o.Pieces {
		p := &o.Pieces[i]
		r.add(Payload, 1, []byte{p.Header}, "header: "+v.header(p, i == 0))
		text := fmt.Sprintf("%v: %d bytes of %d", p.Method(), p.Coded, p.Size)
		switch p.Method() {
		case coder.Deflate: // which bytes of the code are whose, nobody can say
			r.hide(Payload, 1, p.Coded, text)
		case coder.Mixing:
			r.say(1, "%s", text)
			fallthrough
		default:
			r.Cost[Payload] += p.Coded
		}
		if p.Cost.Bytes != nil {
			r.Lines = append(r.Lines, Line{Depth: 1, Bits: p.Cost.Length, Coded: true, Text: fmt.Sprintf("length: %d", p.Size)})
		}
	}
	if v.missing {
		r.say(1, "coded against what was not seen: some references and differences are not resolved")
	}
	if o.HeadSize > 0 {
		v.line(1, 0, o.HeadSize, "state: "+v.state())
	}
	v.items(codec, x)
}

// items writes what is behind the state.
func (v *view) items(codec *dialect.Codec, x *dialect.Context) {
	o, r := v.opened, v.report
	items := o.Message[o.HeadSize:]
	if !v.request && wire2.IsNoBody(items) {
		v.line(1, o.HeadSize, len(items), "no body")
		return
	}
	if !v.request && len(items) == 0 {
		r.say(1, "nothing: {}")
		return
	}
	v.parts(items, func(visit func(*dialect.Part)) error { return codec.Explain(items, v.request, x, visit) })
}

// parts writes what explain finds in items.
func (v *view) parts(items []byte, explain func(visit func(*dialect.Part)) error) {
	o := v.opened
	secret := -1 // the depth of an object that is one
	end := 0
	err := explain(func(p *dialect.Part) {
		end = p.At + p.Size
		if secret >= 0 && p.Depth <= secret {
			secret = -1
		}
		text, hide := v.part(p)
		hide = hide || secret >= 0
		if isSecret(p.Name) && secret < 0 {
			secret = p.Depth
		}
		if hide {
			v.conceal(p.Depth+1, o.HeadSize+p.At, p.Size, p.Name)
			return
		}
		v.line(p.Depth+1, o.HeadSize+p.At, p.Size, text)
	})
	if err != nil {
		v.report.say(1, "%v, %d bytes before the end", err, len(items)-end)
	}
}

// line adds a piece of the message.
func (v *view) line(depth, at, size int, text string) {
	l := Line{Depth: depth, Size: v.sent(at, size), Bytes: v.opened.Message[at : at+size], Text: text}
	l.Bits, l.Coded = v.bits(at, size)
	v.report.Lines = append(v.report.Lines, l)
}

func (v *view) conceal(depth, at, size int, name string) {
	l := Line{Depth: depth, Size: v.sent(at, size), Text: name + ": " + notShown(size)}
	v.report.Lines = append(v.report.Lines, l)
}

// sent is how many bytes of a piece of the message were sent as they are.
func (v *view) sent(at, size int) (n int) {
	if len(v.opened.Pieces) == 0 {
		return size // version 1
	}
	for i := range v.opened.Pieces {
		if p := &v.opened.Pieces[i]; p.Method() == coder.Raw {
			n += max(0, min(at+size, p.At+p.Size)-max(at, p.At))
		}
	}
	return n
}

// bits is what the coder paid for a piece of the message.
func (v *view) bits(at, size int) (bits float64, coded bool) {
	for i := range v.opened.Pieces {
		p := &v.opened.Pieces[i]
		if p.Cost.Bytes == nil {
			continue
		}
		for n := max(at, p.At); n < min(at+size, p.At+p.Size); n++ {
			bits += p.Cost.Bytes[n-p.At]
			coded = true
		}
	}
	return bits, coded
}

// header says what a header byte says.
func (v *view) header(p *wire2.Piece, first bool) string {
	text := p.Method().String()
	flags := p.Header >> 2
	switch {
	case !first:
	case v.request:
		text += ", server's base " + baseName(flags&15, v.ack) + ", client's base " + baseName(flags>>4, v.base)
	case flags == wire2.Baseless:
		text += ", notification without a base"
	case flags != 0:
		text += ", notification, server's base " + baseName(flags, v.base)
	}
	return text
}

func baseName(short byte, b *batch) string {
	switch {
	case short == 0:
		return "none"
	case b == nil:
		return fmt.Sprint(short)
	}
	return fmt.Sprintf("%d (batch %d)", short, b.number)
}

// state says what the state item says.
func (v *view) state() string {
	s := &v.opened.State
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.HasAck {
		say("ack %d", s.Ack)
	}
	if s.Dead != 0 {
		say("dead %b", s.Dead)
	}
	if s.Inserts {
		say("number %d, first %d", s.Number, s.First)
	}
	if s.HasTop {
		say("top %d", s.Top)
	}
	if v.opened.Since != nil {
		say("since %s", v.reference(*v.opened.Since))
	}
	if s.HasAsked {
		say("client's base %d", s.Asked)
	}
	return strings.Join(parts, ", ")
}

// reference says what a reference refers to.
func (v *view) reference(ref int64) string {
	whose := "the server's table"
	if v.request == (ref >= 0) {
		whose = "the client's table"
	}
	if ref < 0 {
		ref = -1 - ref
	}
	return fmt.Sprintf("#%d in %s", ref, whose)
}

// roleNames stand before what has no name of its own.
var roleNames = map[dialect.Role]string{
	dialect.Form: "form", dialect.Route: "route", dialect.Query: "query", dialect.Body: "body",
}

// part says what a part stands for, and whether that is a secret.
func (v *view) part(p *dialect.Part) (text string, hide bool) {
	var b strings.Builder
	name := p.Name
	if p.Name == "" {
		name = roleNames[p.Role]
	}
	value, hide := withoutSecrets(p.Text)
	if p.Role == dialect.Argument && p.Name != "" && p.Text != "" {
		name += " ="
	} else if name != "" {
		name += ":"
	}
	b.WriteString(name)
	if value != "" {
		b.WriteString(" " + value)
	}
	var how []string
	if p.Inserted {
		how = append(how, "new entry")
	}
	if p.How != "" {
		how = append(how, p.How)
	}
	if p.HasRef {
		how = append(how, v.reference(p.Ref))
	}
	switch {
	case value == "" && len(how) > 0:
		b.WriteString(" " + strings.Join(how, ", "))
	case len(how) > 0:
		b.WriteString(" (" + strings.Join(how, ", ") + ")")
	}
	if p.Unknown {
		b.WriteString(", not known here")
	}
	if p.Passed {
		b.WriteString(", passed over: its name is there as text, too")
	}
	return strings.TrimSpace(b.String()), hide || isSecret(p.Name) && p.Text != ""
}
