//go:build cgo

package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// logHandler makes lines of records and hands them to a program.
type logHandler struct {
	least slog.Level
	write func(slog.Level, string)
	text  slog.Handler
	lines *lines
}

// lines is where the text of a record is written, one at a time.
type lines struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func newLogHandler(least slog.Level, write func(slog.Level, string)) *logHandler {
	l := new(lines)
	text := slog.NewTextHandler(&l.out, &slog.HandlerOptions{Level: least, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{} // the program has a clock, and is told the level
		}
		return a
	}})
	return &logHandler{least, write, text, l}
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.least }

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	line, err := h.line(ctx, r)
	if err != nil {
		return err
	}
	h.write(r.Level, line)
	return nil
}

func (h *logHandler) line(ctx context.Context, r slog.Record) (string, error) {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	h.lines.out.Reset()
	err := h.text.Handle(ctx, r)
	return strings.TrimSuffix(h.lines.out.String(), "\n"), err
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.least, h.write, h.text.WithAttrs(attrs), h.lines}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.least, h.write, h.text.WithGroup(name), h.lines}
}
