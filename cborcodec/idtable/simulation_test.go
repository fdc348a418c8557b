package idtable

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// event is something that happens at a moment of virtual time.
type event struct {
	at  int64
	seq uint64 // first come, first served
	do  func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

// mix is what a run is made of. Chances are in percent.
type mix struct {
	size int
	// loss, twice and late are chances of a datagram: to be lost, to come twice, to take
	// far longer than others.
	loss, twice, late int
	delay             int64 // most that a datagram takes otherwise
	// slow is how long a late one takes at most. No datagram lives longer.
	slow int64
	// concurrent is how many requests are made at once.
	concurrent int
	pause      int64 // most between two requests
	// Chances of a request: to come block by block, to be a long-poll, to register an
	// observation, to be cancelled, to be refused before it is read.
	blockwise, poll, observe, cancel, refuse int
	// Chances in 10,000 steps of restarts.
	clientDies, serverDies int
	// quiet: messages of the server have no texts of its own, or those of the client.
	quietServer, quietClient bool
	// copies of requests that were answered reach later lives of the server.
	copies bool
	// known is how many texts are used all the time.
	known int
}

const (
	transmissions = 4
	timeout       = 300 // before the first retransmission, then twice as long each
)

// simulation is both ends, the network between them and what is checked.
type simulation struct {
	mix
	rng   *rand.Rand
	now   int64
	seq   uint64
	queue events
	steps int
	// calm: there are no faults.
	calm bool

	c *modelClient
	s *modelServer
	// ids is for tokens, message IDs and texts that are used once.
	ids uint64

	broken controls
	counts counts
	failed []string
}

// counts is what happened in a run.
type counts struct {
	requests, responses, notifications int
	references, insertions, literals   int
	// unknown are requests that were not read since the server was restarted, spurious
	// such that it could have known; rejected are notifications that were not read, and
	// unreadable those of them whose references were gone.
	unknown, spurious, rejected, unreadable int
	refused, lost, restarts, lateCopies     int
	stale                                   int // requests of earlier lives of the client
}

func (c *counts) add(o counts) {
	for i, n := range o.all() {
		*c.all()[i] += *n
	}
}

func (c *counts) all() []*int {
	return []*int{
		&c.requests, &c.responses, &c.notifications, &c.references, &c.insertions, &c.literals, &c.unknown,
		&c.spurious, &c.rejected, &c.unreadable, &c.refused, &c.lost, &c.restarts, &c.lateCopies, &c.stale,
	}
}

func newSimulation(seed uint64, m mix, broken controls) *simulation {
	w := &simulation{mix: m, rng: rand.New(rand.NewPCG(seed, 18)), broken: broken}
	w.c = newModelClient(w, uint8(w.rng.IntN(256)))
	w.s = newModelServer(w, 0, nil)
	return w
}

// fail notes that something is not as it must be.
func (w *simulation) fail(format string, args ...any) {
	if len(w.failed) < 20 {
		w.failed = append(w.failed, fmt.Sprintf("step %d, at %d: ", w.steps, w.now)+fmt.Sprintf(format, args...))
	}
}

func (w *simulation) chance(percent int) bool { return w.rng.IntN(100) < percent }

func (w *simulation) id() uint64 {
	w.ids++
	return w.ids
}

// clock is the time as the package is told it.
func (w *simulation) clock(at int64) time.Time { return time.UnixMilli(at) }

func (w *simulation) after(delay int64, do func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now + delay, w.seq, do})
}

// step lets the next thing happen.
func (w *simulation) step() bool {
	if len(w.queue) == 0 {
		return false
	}
	e := heap.Pop(&w.queue).(event)
	w.now = max(w.now, e.at)
	e.do()
	w.steps++
	return true
}

// post has a datagram cross the network: never, once or twice, in any order.
func (w *simulation) post(arrive func()) {
	if w.calm {
		w.after(1+w.rng.Int64N(5), arrive)
		return
	}
	if w.chance(w.loss) {
		w.counts.lost++
		return
	}
	w.after(w.transit(), arrive)
	if w.chance(w.twice) {
		w.after(w.transit(), arrive)
	}
}

func (w *simulation) transit() int64 {
	if w.chance(w.late) {
		if w.chance(30) {
			return w.slow // to the last moment
		}
		return 1 + w.rng.Int64N(w.slow)
	}
	return 1 + w.rng.Int64N(w.delay)
}

// lifetime is how long after it was first sent a message may still arrive.
func (w *simulation) lifetime() int64 { return w.slow + timeout<<transmissions }
