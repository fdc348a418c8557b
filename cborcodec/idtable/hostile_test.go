package idtable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/coapgw/coapgw/conformance/race"
)

// wild is a number as a peer would send it that means harm, or has a fault: often one
// that may be right, else one at the edge of something.
func wild(rng *rand.Rand, near uint64) uint64 {
	switch rng.IntN(8) {
	case 0:
		return 0
	case 1:
		return 1 << rng.IntN(64)
	case 2:
		return 1<<rng.IntN(64) - 1
	case 3:
		return ^uint64(0) - rng.Uint64N(200)
	case 4:
		return maxNumber + rng.Uint64N(3) - 1
	case 5:
		return near + rng.Uint64N(300) - 150
	default:
		return rng.Uint64N(4)
	}
}

// wildState is one that the wire can carry: package wire2 limits only the short names.
func wildState(rng *rand.Rand, near uint64) State {
	st := State{Server: uint8(rng.IntN(64)), Client: uint8(rng.IntN(4))}
	coin := func() bool { return rng.IntN(3) == 0 }
	if coin() {
		st.HasAck, st.Ack, st.Server = true, wild(rng, near), 0
	}
	if coin() {
		st.Dead = rng.Uint64()
	}
	if rng.IntN(2) == 0 {
		st.Inserts, st.Number, st.First = true, wild(rng, near), wild(rng, near)
	}
	if coin() {
		st.HasTop, st.Top = true, wild(rng, near)
	}
	if coin() {
		st.HasAsked, st.Asked = true, wild(rng, near)
	}
	return st
}

// swallow reads a message with anything in it. What it refers to may be anything, but of
// the kind that was inserted.
func swallow(rng *rand.Rand, in *Incoming) error {
	for range rng.IntN(8) {
		if rng.IntN(2) == 0 {
			ref := int64(wild(rng, 0))
			text, ok := in.Resolve(ref)
			if ok != (text != "") {
				return fmt.Errorf("reference %d is %q, %v", ref, text, ok)
			}
			in.Note(ref)
			continue
		}
		if err := in.Inserted(fmt.Appendf(nil, "wild%d", rng.IntN(50))); err != nil && !errors.Is(err, ErrMalformed) {
			return err
		}
	}
	in.BaseNote()
	return in.Commit("wild note")
}

// utter makes a message, as an end does that does not know what the peer is like.
func utter(rng *rand.Rand, o *Outgoing) State {
	for range rng.IntN(6) {
		text := fmt.Appendf(nil, "wild%d", rng.IntN(50))
		if ref, ok := o.Find(text); ok {
			o.Note(ref)
		} else {
			o.Insert(text)
		}
	}
	o.Recent(func(ref int64, _ string, _ any) bool { o.Note(ref); return rng.IntN(4) > 0 })
	if rng.IntN(20) == 0 {
		o.Cancel()
		return State{}
	}
	return o.Commit("own note")
}

// sane reports whether an error is one that the package promises.
func sane(err error) bool {
	return err == nil || errors.Is(err, ErrUnknown) || errors.Is(err, ErrMalformed) || errors.Is(err, ErrConflict)
}

func hostileRuns() (seeds uint64, steps int) {
	if race.Detector {
		return 10, 2000
	}
	return 60, 5000
}

// TestHostileClient has a server hear anything.
func TestHostileClient(t *testing.T) {
	seeds, steps := hostileRuns()
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 3))
		size := []int{MinSize, 64}[rng.IntN(2)]
		s := NewServer(size, rng.Uint64N(3)<<32)
		var calls []*Call
		var under []*Notification
		for step := range steps {
			switch rng.IntN(4) {
			case 0:
				life := uint8(1)
				if rng.IntN(100) == 0 {
					life = uint8(rng.IntN(256))
				}
				calls = append(calls, s.Admit(life))
			case 1:
				if o, n := s.Notification(); utter(rng, o) != (State{}) {
					under = append(under, n)
				}
			}
			if len(under) > 4 {
				under[0].Done(rng.IntN(2) == 0)
				under = under[1:]
			}
			if len(calls) == 0 {
				continue
			}
			i := rng.IntN(len(calls))
			call := calls[i]
			calls = append(calls[:i], calls[i+1:]...)
			near := s.out.last
			if rng.IntN(2) == 0 {
				near = s.in.newest
			}
			in, err := call.Request(wildState(rng, near))
			if err == nil {
				err = swallow(rng, in)
			}
			if !sane(err) {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if err == nil {
				utter(rng, call.Response())
			}
			if err := errors.Join(bounded(size, &s.in.store, len(s.in.batches)), bounded(size, &s.out.store, len(s.out.batches))); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if s.out.last > s.acked+maxUnacknowledged {
				t.Fatalf("seed %d, step %d: %d batches beyond %d", seed, step, s.out.last, s.acked)
			}
		}
	}
}

// TestHostileServer has a client hear anything.
func TestHostileServer(t *testing.T) {
	seeds, steps := hostileRuns()
	for seed := range seeds {
		rng := rand.New(rand.NewPCG(seed, 4))
		size := []int{MinSize, 64}[rng.IntN(2)]
		c := NewClient(size)
		var under []*Exchange
		now := time.UnixMilli(0)
		for step := range steps {
			now = now.Add(time.Second)
			if len(under) < 16 {
				o, x := c.Request(now)
				utter(rng, o)
				if _, sent := c.unfinished[x]; sent {
					under = append(under, x)
				}
			}
			if len(under) < 1+rng.IntN(8) {
				continue
			}
			i := rng.IntN(len(under))
			x := under[i]
			under = append(under[:i], under[i+1:]...)
			switch rng.IntN(10) {
			case 0:
				x.GiveUp(now.Add(time.Minute))
			case 1:
				x.Refused()
			case 2:
				if rng.IntN(20) == 0 {
					c.Reset(x)
				} else {
					under = append(under, x)
				}
			case 3:
				x.Arrived()
				under = append(under, x)
			default:
				x.Answered()
				for range 1 + rng.IntN(3) {
					var in *Incoming
					var err error
					near := c.in.newest
					if rng.IntN(2) == 0 {
						near = c.out.last
					}
					if st := wildState(rng, near); rng.IntN(2) == 0 {
						in, err = x.Response(st)
					} else {
						in, err = x.Notification(st)
					}
					if err == nil {
						err = swallow(rng, in)
					}
					if !sane(err) {
						t.Fatalf("seed %d, step %d: %v", seed, step, err)
					}
				}
			}
			if err := errors.Join(bounded(size, &c.in.store, len(c.in.batches)), bounded(size, &c.out.store, len(c.out.batches))); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if len(c.dead) > maxDeadAge+1 {
				t.Fatalf("seed %d, step %d: %d dead batches", seed, step, len(c.dead))
			}
			if len(c.unfinished) > 200 {
				t.Fatalf("seed %d, step %d: %d unfinished", seed, step, len(c.unfinished))
			}
		}
	}
}

// TestLongGaps has a server skip more batches than the client can tell of, again and
// again. What is to be told must not heap up, and the client must get on.
func TestLongGaps(t *testing.T) {
	for _, gap := range []uint64{1, maxDeadAge - 1, maxDeadAge, maxDeadAge + 1, maxDeadAge + 2, 100, maxRecords - 1} {
		c := NewClient(MinSize)
		number, behind := uint64(1), 0
		for i := range 1000 {
			o, x := c.Request(time.UnixMilli(0))
			o.Commit(nil)
			x.Answered()
			if behind++; x.ack != nil && number-x.ack.Number < gap+20 {
				behind = 0
			}
			if behind > 30 {
				t.Fatalf("gaps of %d: the client is stuck at %v, while the server made %d (%d dead)", gap, x.ack, number, len(c.dead))
			}
			st := State{Inserts: true, Number: number, First: number * 4}
			if x.ack != nil {
				st.Number -= x.ack.Number + 1
				st.First -= x.ack.End
			}
			in, err := x.Response(st)
			if err == nil {
				err = errors.Join(in.Inserted([]byte("x")), in.Commit(nil))
			}
			if err != nil {
				t.Fatal(err)
			}
			if number++; i%20 == 0 {
				number += gap
			}
			if len(c.dead) > maxDeadAge+1 {
				t.Fatalf("%d dead batches", len(c.dead))
			}
		}
	}
}
