package status

import (
	"context"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Problems keeps the latest warnings and errors of a log, in words for a person.
type Problems struct {
	mu   sync.Mutex
	kept []Problem // the latest last
}

// Problem is a warning that was logged, maybe several times in a row.
type Problem struct {
	// First and Last are when it happened.
	First, Last time.Time
	Times       int
	// Severe: it was an error.
	Severe bool
	// Text is what happened, Detail what the log says besides; neither holds a secret.
	Text, Detail string
}

const (
	maxProblems = 50
	maxDetail   = 300 // bytes
)

// NewProblems returns an empty one.
func NewProblems() *Problems { return &Problems{} }

// Handler returns a slog.Handler that keeps warnings and hands everything to next.
func (p *Problems) Handler(next slog.Handler) slog.Handler {
	return &keeping{next: next, problems: p}
}

// List returns what is kept, the latest first.
func (p *Problems) List() []Problem {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := slices.Clone(p.kept)
	slices.Reverse(list)
	return list
}

func (p *Problems) keep(n Problem) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, old := range p.kept {
		if old.Text == n.Text && old.Detail == n.Detail && old.Severe == n.Severe {
			n.First, n.Times = old.First, old.Times+1
			p.kept = slices.Delete(p.kept, i, i+1)
			break
		}
	}
	if len(p.kept) == maxProblems {
		p.kept = slices.Delete(p.kept, 0, 1)
	}
	p.kept = append(p.kept, n)
}

// keeping is a slog.Handler.
type keeping struct {
	next     slog.Handler
	problems *Problems
	attrs    []slog.Attr
	grouped  bool // attributes have other names then
}

// Enabled implements slog.Handler.
func (k *keeping) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn || k.next.Enabled(ctx, l)
}

// Handle implements slog.Handler.
func (k *keeping) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		k.problems.keep(k.problem(r))
	}
	if !k.next.Enabled(ctx, r.Level) {
		return nil
	}
	return k.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (k *keeping) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *k
	with.next = k.next.WithAttrs(attrs)
	if !k.grouped {
		with.attrs = append(slices.Clip(k.attrs), attrs...)
	}
	return &with
}

// WithGroup implements slog.Handler.
func (k *keeping) WithGroup(name string) slog.Handler {
	with := *k
	with.next, with.grouped = k.next.WithGroup(name), true
	return &with
}

// shown are the attributes that a person can make use of. No other is kept, whatever it
// holds.
var shown = []string{"err", "error", "status", "peer", "link", "profile", "limit", "attempt", "addr"}

func (k *keeping) problem(r slog.Record) Problem {
	var details []string
	add := func(a slog.Attr) bool {
		if slices.Contains(shown, a.Key) {
			name := a.Key + " "
			if a.Key == "err" || a.Key == "error" {
				name = ""
			}
			details = append(details, name+a.Value.Resolve().String())
		}
		return true
	}
	for _, a := range k.attrs {
		add(a)
	}
	if !k.grouped {
		r.Attrs(add)
	}
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}
	return Problem{
		First: at, Last: at, Times: 1, Severe: r.Level >= slog.LevelError,
		Text: inWords(r.Message), Detail: shorten(scrub(localPort.ReplaceAllString(strings.Join(details, ", "), "->")), maxDetail),
	}
}

// secrets are what no log of ours has, but what the words of others may have: queries,
// and what follows a word that announces a credential.
var secrets = regexp.MustCompile(`(?i)\?[^\s"']+|(bearer|basic|token|password|secret|authorization|key)["']?[\s:=]+["']?((bearer|basic)\s+)?[^\s"',;]+|\b(syt_|mat_|mct_|mcr_)[^\s"',;]+|MDAx[A-Za-z0-9_-]{16,}`)

// localPort is in the words of package net about a connection that failed. Each has another
// one, and they would be problems of their own.
var localPort = regexp.MustCompile(`:\d+->`)

func scrub(s string) string { return secrets.ReplaceAllString(s, "…") }

// shorten cuts a text to at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	cut := strings.ToValidUTF8(s[:n], "")
	return cut + "…"
}

// plainWords says what a message of the log means to a person.
var plainWords = []struct{ message, words string }{
	{"no session with the peer", "The other end could not be reached. It is tried again with the next request."},
	{"request failed", "A request did not get through the link."},
	{"homeserver did not answer", "The homeserver did not answer."},
	{"dtls: a handshake does not complete, the keys may differ", "A client could not connect: it seems to have another key than the one in the file."},
	{"dtls: handshake failed", "A client could not connect."},
	{"too many sessions", "A client was turned away: too many are connected."},
	{"a session was not accepted", "A client could not connect."},
	{"what was known of the session is lost", "The stored session could not be used. A new one costs a handshake."},
	{"no format of wire version 2 in common with the peer: staying with version 1", "The two ends have different releases: messages take about four times the bytes until both are the same."},
	{"no format of wire version 2 in common with a peer: staying with version 1", "A client has another release: its messages take about four times the bytes until both are the same."},
	{"coap: response body failed", "An answer broke off on its way."},
	{"serving WITHOUT encryption: anyone on the path reads and changes everything", "The link is NOT encrypted: anyone on the path reads and changes everything."},
	{"secret file", "Other users of this machine can read a file with a secret."},
}

func inWords(message string) string {
	for _, row := range plainWords {
		if row.message == message {
			return row.words
		}
	}
	return shorten(scrub(message), maxDetail)
}
