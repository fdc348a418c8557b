package policy

import (
	"fmt"
	"strings"
	"time"
)

// Verb is what becomes of a request.
type Verb uint8

const (
	// Pass: it goes on the link as it is.
	Pass Verb = iota
	// Merge: it is answered at once and goes on the link after Action.For; of those of
	// a kind that come by then only the last one goes.
	Merge
	// Cache: an answer is used again for Action.For, then revalidated.
	Cache
	// Drop: it is answered and goes nowhere.
	Drop
)

// Forever is the age of answers that never change.
const Forever = time.Duration(1<<63 - 1)

// Action is what becomes of a kind of request.
type Action struct {
	// Verb says what is done.
	Verb Verb
	// For is how long Merge waits, or until when Cache answers without asking: 0 asks
	// each time, Forever never.
	For time.Duration
}

// String returns the form that ParseAction reads.
func (a Action) String() string {
	switch a.Verb {
	case Pass:
		return "pass"
	case Drop:
		return "drop"
	case Merge:
		return "merge:" + span(a.For)
	}
	return "cache:" + span(a.For)
}

// span writes a time without units that are zero.
func span(d time.Duration) string {
	if d == Forever {
		return "forever"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// maxMerge bounds how long a request is held back: as long as the shortest time after
// which a person would miss what it says.
const maxMerge = time.Hour

// ParseAction reads "pass", "drop", "merge:30s", "cache:1h" or "cache:forever"; times are
// as in time.ParseDuration, a merge is at most an hour.
func ParseAction(text string) (Action, error) {
	name, after, timed := strings.Cut(text, ":")
	a := Action{}
	switch name {
	case "pass":
	case "drop":
		a.Verb = Drop
	case "merge":
		a.Verb = Merge
	case "cache":
		a.Verb = Cache
	default:
		return Action{}, fmt.Errorf("%q is none of pass, drop, merge:TIME and cache:TIME", text)
	}
	if timed != (a.Verb == Merge || a.Verb == Cache) {
		return Action{}, fmt.Errorf("%q: a time belongs to merge and cache, and to nothing else", text)
	}
	if !timed {
		return a, nil
	}
	if after == "forever" && a.Verb == Cache {
		return Action{Cache, Forever}, nil
	}
	d, err := time.ParseDuration(after)
	if err != nil || d < 0 || a.Verb == Merge && (d == 0 || d > maxMerge) {
		return Action{}, fmt.Errorf("%q: not a time for %s", text, name)
	}
	a.For = d
	return a, nil
}
