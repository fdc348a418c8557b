package main

import (
	"log"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// libraryLog is what package log writes to, once there is a log. A library that knows no other
// log writes there: so does the Transport of net/http, whatever ErrorLog says, about bytes that a
// homeserver sends behind an answer which has none. It quotes them, and they may be anybody's.
type libraryLog struct {
	log   *slog.Logger
	paced rate.Sometimes
}

// libraryPace is how often at most something of libraries is logged.
const libraryPace = time.Second

func newLibraryLog(l *slog.Logger) *libraryLog {
	return &libraryLog{log: l, paced: rate.Sometimes{Interval: libraryPace}}
}

// logOfLibraries has all that is left to say by package log go to l. It is for the whole process.
func logOfLibraries(l *slog.Logger) {
	log.SetFlags(0) // l has a time of its own
	log.SetOutput(newLibraryLog(l))
}

// Write implements io.Writer. It logs a line up to what it quotes.
func (l *libraryLog) Write(line []byte) (int, error) {
	text := string(line)
	if end := strings.IndexAny(text, "\"`\n"); end >= 0 {
		text = text[:end]
	}
	l.paced.Do(func() { l.log.Warn("a library has something to say", "text", strings.TrimSpace(text)) })
	return len(line), nil
}
