package manual

import (
	"fmt"
	"io"
	"strings"
)

// lineWidth is the width of comments, in characters.
const lineWidth = 88

// WriteEnvironment writes what the environment can set of a command, for the
// EnvironmentFile= of systemd.exec(5): each variable commented out, with its help and
// its default.
func WriteEnvironment(w io.Writer, intro string, c Command) error {
	var b strings.Builder
	comment(&b, intro)
	for _, o := range c.Options {
		if o.Env == "" {
			continue
		}
		value := o.Default
		if !o.takesValue() && value == "" {
			value = "false"
		}
		b.WriteByte('\n')
		help := o.Help
		if value == "" && o.Placeholder != "" {
			help += " (" + o.Placeholder + ")"
		}
		comment(&b, help)
		fmt.Fprintf(&b, "#%s=%s\n", o.Env, value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// comment writes text as comment lines, broken between words.
func comment(b *strings.Builder, text string) {
	for paragraph := range strings.SplitSeq(text, "\n") {
		line := "#"
		for _, word := range strings.Fields(paragraph) {
			if len(line)+1+len(word) > lineWidth && line != "#" {
				b.WriteString(line + "\n")
				line = "#"
			}
			line += " " + word
		}
		b.WriteString(line + "\n")
	}
}
