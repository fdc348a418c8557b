package main

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Of a line that is the same each time the log has the first at once, and then one in so
// long at most, which says how many there were. A disk that is full, or a homeserver that is
// away, would have a line for each request.
const (
	firstFold   = time.Minute
	longestFold = time.Hour
	// overAfter is how long there was none when it is over: the next one is something new.
	overAfter = 10 * time.Minute
	// maxFolded bounds the lines that are remembered.
	maxFolded = 64
)

// localPort is in the words of package net about a connection that failed: each has another one.
var localPort = regexp.MustCompile(`:\d+->`)

// folding is a slog.Handler that writes warnings and errors which are the same seldom.
type folding struct {
	next slog.Handler
	seen *folds
	// with is what WithAttrs and WithGroup have added.
	with string
}

// folds are the lines that were written lately, by their text.
type folds struct {
	mu    sync.Mutex
	lines map[string]*foldedLine
}

type foldedLine struct {
	written, last time.Time
	pause         time.Duration
	left          int // how many were not written since
}

func newFolding(next slog.Handler) *folding {
	return &folding{next: next, seen: &folds{lines: make(map[string]*foldedLine)}}
}

// Enabled implements slog.Handler.
func (f *folding) Enabled(ctx context.Context, l slog.Level) bool { return f.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (f *folding) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn {
		return f.next.Handle(ctx, r)
	}
	var text strings.Builder
	text.WriteString(r.Level.String() + f.with + "\n" + r.Message)
	r.Attrs(func(a slog.Attr) bool {
		text.WriteString("\n" + a.String())
		return true
	})
	left, write := f.seen.take(localPort.ReplaceAllString(text.String(), "->"), time.Now())
	switch {
	case !write:
		return nil
	case left > 0:
		r = r.Clone()
		r.AddAttrs(slog.Int("times", left+1))
	}
	return f.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (f *folding) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *f
	with.next = f.next.WithAttrs(attrs)
	for _, a := range attrs {
		with.with += "\n" + a.String()
	}
	return &with
}

// WithGroup implements slog.Handler.
func (f *folding) WithGroup(name string) slog.Handler {
	with := *f
	with.next = f.next.WithGroup(name)
	with.with += "\n" + name
	return &with
}

// take reports whether a line is to be written now, and how many of it were left out.
func (s *folds) take(text string, now time.Time) (left int, write bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[text]
	switch {
	case l == nil || now.Sub(l.last) > min(l.pause, overAfter): // it is something new, maybe again
		if l == nil {
			s.makeRoom()
		} else {
			left = l.left
		}
		l = &foldedLine{pause: firstFold}
		s.lines[text] = l
	case now.Sub(l.written) < l.pause:
		l.last = now
		l.left++
		return 0, false
	default:
		left, l.left, l.pause = l.left, 0, min(2*l.pause, longestFold)
	}
	l.written, l.last = now, now
	return left, true
}

// makeRoom forgets the line that was seen least lately, where there are too many.
func (s *folds) makeRoom() {
	if len(s.lines) < maxFolded {
		return
	}
	var oldest string
	for text, l := range s.lines {
		if o := s.lines[oldest]; o == nil || l.last.Before(o.last) {
			oldest = text
		}
	}
	delete(s.lines, oldest)
}
