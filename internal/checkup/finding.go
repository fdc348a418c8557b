// Package checkup looks whether what a configuration names is there and will do, and says
// what to do where it will not. It changes nothing, and sends nothing over the constrained
// link.
package checkup

import (
	"fmt"
	"io"
)

// Level is how much a finding matters.
type Level int

const (
	// Fine: it will do.
	Fine Level = iota
	// Look: it works, and may not be what is meant or not for long.
	Look
	// Wrong: the program does not start, or is of no use.
	Wrong
)

// String returns a word for the level.
func (l Level) String() string {
	return [...]string{"ok", "look", "WRONG"}[l]
}

// Finding is what was found out about one thing. It fits one line.
type Finding struct {
	Level Level
	// Thing is what it is about: an option, or "clock".
	Thing string
	// Text says how it is, and what to do unless it is Fine.
	Text string
}

func fine(thing, format string, args ...any) Finding {
	return Finding{Fine, thing, fmt.Sprintf(format, args...)}
}

func look(thing, format string, args ...any) Finding {
	return Finding{Look, thing, fmt.Sprintf(format, args...)}
}

func wrong(thing, format string, args ...any) Finding {
	return Finding{Wrong, thing, fmt.Sprintf(format, args...)}
}

// Report writes findings, a line each, and returns how many are Wrong.
func Report(w io.Writer, findings []Finding) (wrongs int, err error) {
	for _, f := range findings {
		if f.Level == Wrong {
			wrongs++
		}
		if _, err := fmt.Fprintf(w, "%-5s  %s: %s\n", f.Level, f.Thing, f.Text); err != nil {
			return wrongs, err
		}
	}
	return wrongs, nil
}
