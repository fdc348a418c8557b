package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Log is a Recorder that writes events as lines of JSON while it is switched on. It may be
// switched while sessions run, and costs next to nothing while it is off. The zero value is
// off.
type Log struct {
	on atomic.Pointer[logging]
	mu sync.Mutex // one Start or Stop at a time
}

// ErrStarted: the Log is on already.
var ErrStarted = errors.New("trace: the log is on already")

// logging is a Log between Start and Stop.
type logging struct {
	session uint64
	// lines is never closed: who records may be late.
	lines   chan Event
	stop    chan struct{}
	ended   chan struct{}
	dropped atomic.Uint64
	err     error // of writing; read after ended
}

// maxQueued bounds the events that wait to be written. What does not fit is dropped, for
// messages must not wait for a disk.
const maxQueued = 4096

// Start has the events of one session written to w, or those of all for session 0. It
// fails with ErrStarted when the Log is on.
func (l *Log) Start(w io.Writer, session uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on.Load() != nil {
		return ErrStarted
	}
	g := &logging{session: session, lines: make(chan Event, maxQueued), stop: make(chan struct{}), ended: make(chan struct{})}
	go g.run(w)
	l.on.Store(g)
	return nil
}

// Stop switches the Log off, and returns when all that was recorded before is written: how
// many events were dropped, and the first error of the writer, after which none were
// written. It does nothing while the Log is off.
func (l *Log) Stop() (dropped uint64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.on.Swap(nil)
	if g == nil {
		return 0, nil
	}
	close(g.stop)
	<-g.ended
	return g.dropped.Load(), g.err
}

// Record implements Recorder.
func (l *Log) Record(e Event) {
	g := l.on.Load()
	if g == nil || g.session != 0 && g.session != e.Session {
		return
	}
	select {
	case g.lines <- e:
	default:
		g.dropped.Add(1)
	}
}

// flushPause is how long a line may wait for others before it is there to be read.
const flushPause = 500 * time.Millisecond

// run writes until stop.
func (g *logging) run(w io.Writer) {
	defer close(g.ended)
	b := bufio.NewWriter(w)
	out := json.NewEncoder(b)
	write := func(e Event) {
		if g.err == nil {
			g.err = out.Encode(lineOf(e))
		}
	}
	flush := func() {
		if g.err == nil {
			g.err = b.Flush()
		}
	}
	pause := time.NewTimer(flushPause)
	defer pause.Stop()
	for {
		select {
		case e := <-g.lines:
			write(e)
		case <-pause.C:
			flush()
			pause.Reset(flushPause)
		case <-g.stop:
			for {
				select {
				case e := <-g.lines:
					write(e)
					continue
				default:
				}
				flush()
				return
			}
		}
	}
}

// line is an Event as it is written.
type line struct {
	At      time.Time `json:"at"`
	Session uint64    `json:"session,omitempty"`
	Kind    string    `json:"kind"`
	Type    string    `json:"type,omitempty"`
	Code    string    `json:"code,omitempty"`
	Message *uint16   `json:"mid,omitempty"`
	Bytes   int       `json:"bytes"`
	// RoundTrip is in seconds.
	RoundTrip float64 `json:"round_trip,omitempty"`
}

func lineOf(e Event) line {
	l := line{At: e.At, Session: e.Session, Kind: e.Kind.String(), Bytes: e.Bytes, RoundTrip: e.RoundTrip.Seconds()}
	if e.Kind != Malformed {
		l.Type, l.Code, l.Message = typeNames[e.Type&3], codeName(e.Code), &e.MessageID
	}
	return l
}

// Tee returns a Recorder that hands events to all of those that are not nil; nil if there
// are none.
func Tee(recorders ...Recorder) Recorder {
	var all tee
	for _, r := range recorders {
		if r != nil {
			all = append(all, r)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

type tee []Recorder

// Record implements Recorder.
func (t tee) Record(e Event) {
	for _, r := range t {
		r.Record(e)
	}
}
