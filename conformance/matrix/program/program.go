package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// pollInterval is the pause between two readiness checks of a child process.
const pollInterval = 50 * time.Millisecond

// ErrExited says that a program ended although nobody stopped it.
var ErrExited = errors.New("program exited")

// A Program is a running child process whose output goes to a log file.
type Program struct {
	name    string
	logPath string
	cmd     *exec.Cmd
	done    chan struct{} // closed when the process was waited for
	waitErr error         // valid after done
}

// Config says what to run.
type Config struct {
	Name    string   // for errors
	Path    string   // executable
	Args    []string // without the executable's name
	Dir     string   // working directory; empty means that of the caller
	LogPath string   // standard output and standard error are written here
}

// Start runs the program and returns without waiting for it to be ready. The
// caller must call Stop.
func Start(cfg Config) (*Program, error) {
	log, err := os.Create(cfg.LogPath)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cfg.Name, err)
	}
	defer log.Close() // the child holds its own descriptor
	cmd := exec.Command(cfg.Path, cfg.Args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = cfg.Dir, log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cfg.Name, err)
	}
	p := &Program{name: cfg.Name, logPath: cfg.LogPath, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.waitErr = cmd.Wait()
	}()
	return p, nil
}

// Ready calls check until it returns nil. It gives up when ctx is done, with
// the last error of check, or when the program ends, with ErrExited; both
// errors carry the end of the program's log.
func (p *Program) Ready(ctx context.Context, check func(context.Context) error) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		last := check(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s: %w (%v)\n%s", p.name, ErrExited, p.cmd.ProcessState, p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (%w)\n%s", p.name, ctx.Err(), last, p.LogTail())
		case <-tick.C:
		}
	}
}

// Stop asks the program to end (SIGTERM), kills it after grace, and waits for
// it. It reports a program that had ended before, that had to be killed, or
// that ended with a status other than 0: a graceful stop is part of what the
// suite shows.
func (p *Program) Stop(grace time.Duration) error {
	select {
	case <-p.done:
		return fmt.Errorf("stop %s: %w (%v)\n%s", p.name, ErrExited, p.cmd.ProcessState, p.LogTail())
	default:
	}
	// A failure means that the process ended just now; waiting below tells how.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		if p.waitErr != nil {
			return fmt.Errorf("stop %s: %w\n%s", p.name, p.waitErr, p.LogTail())
		}
		return nil
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("stop %s: killed, still running %v after SIGTERM\n%s", p.name, grace, p.LogTail())
	}
}

// Kill ends the program suddenly (SIGKILL) and waits for it. It reports a program that had
// ended before.
func (p *Program) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w\n%s", p.name, err, p.LogTail())
	}
	<-p.done
	return nil
}

// LogPath is the file which holds what the program printed.
func (p *Program) LogPath() string { return p.logPath }

// logTailSize is how much of a log is quoted in an error, in bytes.
const logTailSize = 4 << 10

// LogTail returns the end of the program's log for an error message.
func (p *Program) LogTail() string {
	f, err := os.Open(p.logPath)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > logTailSize {
		if _, err := f.Seek(-logTailSize, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	tail, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(tail))
}

// Announced waits until the program has printed a line that begins with prefix
// and returns the rest of that line. It fails as Ready does.
func (p *Program) Announced(ctx context.Context, prefix string) (string, error) {
	var rest string
	err := p.Ready(ctx, func(context.Context) error {
		log, err := os.ReadFile(p.logPath)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(log)) {
			var found bool
			// A line without its end may still be growing.
			if rest, found = strings.CutPrefix(line, prefix); found && strings.HasSuffix(rest, "\n") {
				rest = strings.TrimSuffix(rest, "\n")
				return nil
			}
		}
		return fmt.Errorf("it has not printed %q yet", prefix)
	})
	return rest, err
}
