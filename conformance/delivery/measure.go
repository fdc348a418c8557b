package delivery

import (
	"math"
	"slices"
	"time"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// Limit is how long a step may take, in virtual time. What takes longer has
// failed.
const Limit = 2 * time.Hour

const (
	// calm is how long a link rests before and after a step.
	calm = 10 * time.Second
	// retryAfter is when a client asks again after an error.
	retryAfter = 10 * time.Second
	// thinking is how long a client takes before it asks again.
	thinking = 10 * time.Millisecond
	// idleHour ends before what is due at the full hour, since which of two things
	// that happen at the same time comes first is left to chance.
	idleHour = time.Hour - time.Millisecond
)

// Pair is a client and a homeserver with a link between them that have never met.
type Pair interface {
	// Do makes exchanges one after the other, all of them within limit of virtual
	// time or there is an error, and tells how long they took.
	Do(limit time.Duration, exchanges ...operations.Exchange) (took time.Duration, err error)
	// Rest lets time pass.
	Rest(time.Duration)
	// Now is the time of the pair, and Answered when its homeserver last answered.
	Now() time.Time
	Answered() time.Time
	// Stats is what crossed the link.
	Stats() linkemu.Stats
}

// Cost is what a step costs.
type Cost struct {
	// Took is the time of the step, the mean where it has several exchanges of a
	// kind, as have the bytes.
	Took time.Duration
	// Up and Down are the bytes on the link, with the overhead of the layers below.
	Up, Down int64
	// Failed says that the step failed or took longer than Limit. The rest is zero.
	Failed bool
}

// Less reports whether c is the better cost: sooner, or fewer bytes in the same
// time.
func (c Cost) Less(other Cost) bool {
	switch {
	case c.Failed || other.Failed:
		return !c.Failed
	case c.Took != other.Took:
		return c.Took < other.Took
	}
	return c.Up+c.Down < other.Up+other.Down
}

// failed is the cost of a step that failed.
var failed = Cost{Failed: true}

// Link is the link of a profile with the luck of a seed. Seed 0 is the link without
// loss and jitter.
func Link(p link.Profile, seed uint64) linkemu.Config {
	l := linkemu.FromProfile(p, seed)
	if seed == 0 {
		for _, d := range []*linkemu.Direction{&l.Up, &l.Down} {
			d.Burst, d.Jitter = link.GilbertElliott{}, 0
		}
	}
	return l
}

// Measure takes the step with a pair that has never met.
func (s Step) Measure(p Pair) Cost {
	if s.manner != cold {
		warmup, err := operations.Warmup()
		if err != nil {
			return failed
		}
		if _, err := p.Do(Limit, warmup...); err != nil {
			return failed
		}
		p.Rest(calm)
	}
	before := p.Stats()
	var took time.Duration
	if s.manner == hour {
		took = idle(p, s.exchanges[0])
	} else {
		var err error
		if took, err = p.Do(Limit, s.exchanges...); err != nil {
			return failed
		}
		if s.manner == event {
			took = p.Now().Sub(p.Answered())
		}
		p.Rest(calm) // what acknowledges the last answer belongs to it
	}
	times := int64(1)
	if s.manner == each {
		times = int64(len(s.exchanges))
	}
	after := p.Stats()
	return Cost{
		Took: took / time.Duration(times),
		Up:   (after.Up.Bytes - before.Up.Bytes) / times,
		Down: (after.Down.Bytes - before.Down.Bytes) / times,
	}
}

// idle makes the exchange over and over until an hour has passed.
func idle(p Pair, e operations.Exchange) time.Duration {
	begun := p.Now()
	for {
		left := idleHour - p.Now().Sub(begun)
		if left <= 0 {
			return time.Hour
		}
		pause := thinking
		if _, err := p.Do(left, e); err != nil {
			pause = retryAfter
		}
		p.Rest(min(pause, max(0, idleHour-p.Now().Sub(begun))))
	}
}

// Median is the lower median of each column, in which failed costs are the
// greatest.
func Median(costs []Cost) Cost {
	of := func(column func(Cost) int64) int64 {
		values := make([]int64, len(costs))
		for i, c := range costs {
			values[i] = column(c)
			if c.Failed {
				values[i] = math.MaxInt64
			}
		}
		slices.Sort(values)
		return values[(len(values)-1)/2]
	}
	took := of(func(c Cost) int64 { return int64(c.Took) })
	if took == math.MaxInt64 {
		return failed
	}
	return Cost{
		Took: time.Duration(took),
		Up:   of(func(c Cost) int64 { return c.Up }),
		Down: of(func(c Cost) int64 { return c.Down }),
	}
}
