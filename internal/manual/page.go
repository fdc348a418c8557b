package manual

import (
	"fmt"
	"io"
	"strings"
)

// WritePage writes the man page, section 1, in the macros of man(7).
func (p Program) WritePage(w io.Writer) error {
	var b page
	// The date is no text: a hyphen in it must stay one.
	fmt.Fprintf(&b, ".TH \"%s\" \"1\" \"%s\" \"%s\" \"User Commands\"\n", escape(strings.ToUpper(p.Name)), p.Date, escape(strings.TrimSpace(p.Name+" "+p.Release)))
	b.macro("SH", "NAME")
	b.text(p.Name + ` \- ` + escape(strings.TrimSuffix(summary(p.Summary), ".")))
	b.macro("SH", "SYNOPSIS")
	b.text(`\fB` + escape(p.Name) + `\fR \fICOMMAND\fR [\fIOPTION\fR]...`)
	b.macro("SH", "DESCRIPTION")
	b.paragraphs(p.Summary)
	b.macro("SH", "COMMANDS")
	walk(p.Commands, nil, func(path []string, c Command) { b.command(p.Name, path, c) })
	if len(p.ExitCodes) > 0 {
		b.macro("SH", "EXIT STATUS")
		for _, e := range p.ExitCodes {
			b.item(fmt.Sprint(e.Code), e.Meaning)
		}
	}
	b.macro("SH", "ENVIRONMENT")
	b.text("An option that shows a variable takes its value from there when it is not on the command line.")
	_, err := io.WriteString(w, b.String())
	return err
}

// page is roff text.
type page struct{ strings.Builder }

// macro writes a request with its arguments.
func (b *page) macro(name string, arguments ...string) {
	b.WriteString("." + name)
	for _, a := range arguments {
		b.WriteString(` "` + strings.ReplaceAll(escape(a), `"`, `\(dq`) + `"`)
	}
	b.WriteByte('\n')
}

// text writes a line that is roff already.
func (b *page) text(line string) { b.WriteString(guard(line) + "\n") }

// item writes a tagged paragraph; tag may hold roff.
func (b *page) item(tag, body string) {
	b.WriteString(".TP\n")
	b.text(tag)
	b.text(escape(strings.Join(strings.Fields(body), " ")))
}

// paragraphs writes plain text: an empty line parts paragraphs, and lines that begin
// with a space are shown as they are.
func (b *page) paragraphs(text string) {
	verbatim, first := false, true
	set := func(on bool) {
		if on != verbatim {
			b.WriteString(map[bool]string{true: ".PP\n.RS 4\n.nf\n", false: ".fi\n.RE\n"}[on])
		}
		verbatim = on
	}
	parted := false
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		switch {
		case strings.TrimSpace(line) == "":
			parted = true
			continue
		case strings.HasPrefix(line, " "):
			set(true)
		default:
			set(false)
			if parted && !first {
				b.WriteString(".PP\n")
			}
		}
		parted, first = false, false
		b.text(escape(strings.TrimSpace(line)))
	}
	set(false)
}

// command writes one subcommand as a section of its own.
func (b *page) command(program string, path []string, c Command) {
	b.macro("SS", strings.Join(append([]string{program}, path...), " "))
	b.text(escape(c.Summary))
	if len(c.Commands) > 0 {
		return // those below it say the rest
	}
	b.WriteString(".PP\n")
	usage := `\fB` + escape(strings.Join(append([]string{program}, path...), " ")) + `\fR`
	if len(c.Options) > 0 {
		usage += ` [\fIOPTION\fR]...`
	}
	for _, a := range c.Arguments {
		usage += " " + a.usage()
	}
	b.text(usage)
	if c.Detail != "" {
		b.WriteString(".PP\n")
		b.paragraphs(c.Detail)
	}
	for _, a := range c.Arguments {
		b.item(`\fI`+escape(a.Name)+`\fR`, a.Help)
	}
	for _, o := range c.Options {
		b.item(o.tag(), o.described())
	}
}

// usage is the argument in roff, in brackets where it may be left out.
func (a Argument) usage() string {
	text := `\fI` + escape(a.Name) + `\fR`
	if a.Repeated {
		text += "..."
	}
	if a.Optional {
		text = "[" + text + "]"
	}
	return text
}

// tag is how the option is typed, in roff.
func (o Option) tag() string {
	var typed []string
	for _, f := range o.flags() {
		typed = append(typed, `\fB`+escape(f)+`\fR`)
	}
	tag := strings.Join(typed, ", ")
	if o.takesValue() {
		tag += `=\fI` + escape(o.Placeholder) + `\fR`
	}
	return tag
}

// described is the help with what else is known of the option.
func (o Option) described() string {
	text := o.Help
	if len(o.Values) > 0 {
		text += " One of " + strings.Join(o.Values, ", ") + "."
	}
	if o.Default != "" {
		text += " Default: " + o.Default + "."
	}
	if o.Env != "" {
		text += " Environment: " + o.Env + "."
	}
	return text
}

// escape makes plain text roff: a hyphen that is typed stays one, and characters
// outside ASCII are named by their code point.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\':
			b.WriteString(`\(rs`)
		case r == '-':
			b.WriteString(`\-`)
		case r > 0x7e:
			fmt.Fprintf(&b, `\[u%04X]`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// guard keeps a line from being read as a request.
func guard(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}
