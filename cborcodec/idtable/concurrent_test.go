package idtable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// letter is a message as it crosses between goroutines: what is inserted in full, and
// references with what they stand for.
type letter struct {
	state State
	words []word
	note  string
}

func pen(rng *rand.Rand, o *Outgoing, note string) letter {
	l := letter{note: note}
	for range 1 + rng.IntN(5) {
		text := fmt.Sprint("text", rng.IntN(4+rng.IntN(60)))
		if ref, ok := o.Find([]byte(text)); ok {
			l.words = append(l.words, word{ref: ref, text: text, note: o.Note(ref)})
		} else if o.Insert([]byte(text)) {
			l.words = append(l.words, word{inserted: true, text: text})
		}
	}
	l.state = o.Commit(note)
	return l
}

func peruse(in *Incoming, l letter) error {
	for _, w := range l.words {
		if w.inserted {
			if err := in.Inserted([]byte(w.text)); err != nil {
				return err
			}
		} else if text, ok := in.Resolve(w.ref); !ok {
			return fmt.Errorf("%d, %q: %w", w.ref, w.text, errMissing)
		} else if text != w.text {
			return fmt.Errorf("%d is %q and was %q", w.ref, text, w.text)
		} else if note := in.Note(w.ref); note != w.note {
			return fmt.Errorf("%d has the note %v and had %v", w.ref, note, w.note)
		}
	}
	return in.Commit(l.note)
}

// exchangeOf makes a request and has it answered.
func exchangeOf(c *Client, s *Server, rng *rand.Rand, now time.Time, note string) error {
	o, x := c.Request(now)
	request := pen(rng, o, note)
	call := s.Admit(1)
	if rng.IntN(10) == 0 { // nobody waits, and it comes all the same
		x.GiveUp(now.Add(24 * time.Hour))
	}
	in, err := call.Request(request.state)
	if err == nil {
		err = peruse(in, request)
	}
	if err != nil {
		return fmt.Errorf("request (%+v): %w", request.state, err)
	}
	response := pen(rng, call.Response(), note+" answered")
	if rng.IntN(3) == 0 {
		x.Arrived()
	}
	x.Answered()
	if in, err = x.Response(response.state); err == nil {
		err = peruse(in, response)
	}
	if err != nil {
		return fmt.Errorf("response (%+v to %+v): %w", response.state, request.state, err)
	}
	if rng.IntN(4) > 0 {
		return nil
	}
	out, n := s.Notification()
	pushed := pen(rng, out, note+" pushed")
	if in, err = x.Notification(pushed.state); err == nil {
		err = peruse(in, pushed)
	}
	n.Done(err == nil)
	if errors.Is(err, ErrUnknown) || errors.Is(err, errMissing) { // it would be registered again
		return nil
	}
	return err
}

// TestConcurrent has many goroutines use both ends at once. What they read must be right
// in any order, and the race detector sees what is not locked.
func TestConcurrent(t *testing.T) {
	const workers, each = 8, 400
	c, s := NewClient(64), NewServer(64, 0)
	start := time.UnixMilli(0)
	var wg sync.WaitGroup
	for worker := range uint64(workers) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(worker, 5))
			for i := range each {
				now := start.Add(time.Duration(i) * time.Second)
				if err := exchangeOf(c, s, rng, now, fmt.Sprint("note ", worker, i)); err != nil {
					t.Errorf("worker %d, exchange %d: %v", worker, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
