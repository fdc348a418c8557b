package main

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/status"
)

// operatorLog is the log of a program that runs: its latest warnings are kept for the
// status page.
type operatorLog struct {
	*slog.Logger
	// each has every line, however often it is the same: answers to what the operator does.
	each *slog.Logger
	// level is the least one that is written.
	level    *slog.LevelVar
	problems *status.Problems
}

// newLog returns the log that cfg asks for; it goes to standard error.
func newLog(cfg config.Log, std streams) (*operatorLog, error) {
	least, err := cfg.Threshold()
	if err != nil {
		return nil, err
	}
	l := &operatorLog{level: new(slog.LevelVar), problems: status.NewProblems()}
	l.level.Set(least)
	options := &slog.HandlerOptions{Level: l.level}
	var written slog.Handler = slog.NewTextHandler(std.err, options)
	if cfg.Format == "json" {
		written = slog.NewJSONHandler(std.err, options)
	}
	l.Logger, l.each = slog.New(l.problems.Handler(newFolding(written))), slog.New(l.problems.Handler(written))
	if std.libraries != nil {
		std.libraries(l.Logger)
	}
	return l, nil
}

// life logs what serves from now on, and when it is told to end before it has ended. ended
// returns when there is nothing more to log.
func (l *operatorLog) life(ctx context.Context, command string, grace time.Duration) (ended func()) {
	l.Info(command+" begins", "version", cmp.Or(readBuild().Version, "unknown"), "pid", os.Getpid())
	told := make(chan struct{})
	untell := context.AfterFunc(ctx, func() {
		defer close(told)
		l.Info(command+" ends", "requests under way have", grace)
	})
	return func() {
		if !untell() {
			<-told
		}
	}
}

// reload takes over the level.
func (l *operatorLog) reload(cfg config.Log) error {
	least, err := cfg.Threshold()
	if err != nil {
		return err
	}
	l.level.Set(least)
	return nil
}
