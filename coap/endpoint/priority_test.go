package endpoint

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// waiter is one of the model of a line: a list in order of arrival.
type waiter struct {
	class
	id int
}

func (w waiter) of(c class) bool { return w.class == c }

func classes(t *rapid.T) class {
	return class{
		Priority(rapid.IntRange(int(PriorityBulk), int(priorityControl)).Draw(t, "priority")),
		Flow(rapid.IntRange(0, 3).Draw(t, "flow")),
	}
}

// TestLine: the highest priority goes first unless a lower one was passed over too
// often, and none waits for long; the flows of a priority take turns; a flow keeps
// its order.
func TestLine(t *testing.T) {
	const priorities = int(priorityControl-PriorityBulk) + 1
	rapid.Check(t, func(t *rapid.T) {
		var l line[int]
		var waits []waiter
		next := 0
		missed := map[Priority]int{}       // turns since it began to wait or had one
		turns := map[class]map[class]int{} // of others since a flow began to wait or had one
		waiting := func(c class) bool { return slices.ContainsFunc(waits, func(w waiter) bool { return w.of(c) }) }
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				c := classes(t)
				if !waiting(c) {
					turns[c] = map[class]int{}
				}
				l.push(c, next)
				waits = append(waits, waiter{c, next})
				next++
			},
			"remove": func(t *rapid.T) {
				if len(waits) == 0 {
					require.False(t, l.remove(class{}, -1))
					return
				}
				i := rapid.IntRange(0, len(waits)-1).Draw(t, "which")
				require.True(t, l.remove(waits[i].class, waits[i].id))
				require.False(t, l.remove(waits[i].class, waits[i].id))
				waits = slices.Delete(waits, i, i+1)
			},
			"pop": func(t *rapid.T) {
				id, ok := l.pop()
				require.Equal(t, len(waits) > 0, ok)
				if !ok {
					return
				}
				i := slices.IndexFunc(waits, func(w waiter) bool { return w.id == id })
				require.GreaterOrEqual(t, i, 0, "what comes out has waited")
				got := waits[i].class
				require.Equal(t, i, slices.IndexFunc(waits, func(w waiter) bool { return w.of(got) }), "a flow keeps its order")
				passed := missed[got.priority]
				for p := PriorityBulk; p <= priorityControl; p++ {
					switch {
					case p == got.priority || !slices.ContainsFunc(waits, func(w waiter) bool { return w.priority == p }):
						missed[p] = 0
						continue
					case p > got.priority:
						require.GreaterOrEqual(t, passed, maxPassed, "%v goes before %v", got.priority, p)
					}
					missed[p]++
					require.Less(t, missed[p], maxPassed+priorities, "%v waits for ever", p)
				}
				for c, by := range turns {
					if c == got || c.priority != got.priority || !waiting(c) {
						continue
					}
					by[got]++
					require.LessOrEqual(t, by[got], 1, "flow %v has two turns while %v waits", got.flow, c.flow)
				}
				turns[got] = map[class]int{}
				waits = slices.Delete(waits, i, i+1)
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(waits), l.count)
				if l.count == 0 {
					require.Nil(t, l.flows, "an empty line keeps no memory")
				}
			},
		})
	})
}

// TestGate: with any order of coming, going, giving up and resizing no place is
// lost or given twice, and nobody waits while there is one.
func TestGate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 60).Draw(rt, "steps")
		places := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 10).Draw(rt, "places")
		synctest.Test(t, func(t *testing.T) {
			var g gate
			g.resize(places[0])
			var ctxs []context.CancelFunc
			admitted := make(chan struct{}, len(steps))
			for n, step := range steps {
				switch {
				case step < 5: // come
					ctx, cancel := context.WithCancel(t.Context())
					ctxs = append(ctxs, cancel)
					go func() {
						if g.enter(ctx, t.Context(), class{Priority(step%3) - 1, Flow(n % 2)}) == nil {
							admitted <- struct{}{}
						}
					}()
				case step < 7: // go
					select {
					case <-admitted:
						g.leave()
					default:
					}
				case step < 9: // give up, before or after being let in
					if len(ctxs) > 0 {
						ctxs[n%len(ctxs)]()
					}
				default:
					g.resize(places[n%len(places)])
				}
				if n%3 > 0 {
					continue // several things happen at once
				}
				synctest.Wait()
				g.mu.Lock()
				require.Equal(rt, len(admitted), g.inside)
				require.True(rt, g.waiting.count == 0 || g.inside >= g.places)
				g.mu.Unlock()
			}
			for _, cancel := range ctxs {
				cancel()
			}
			synctest.Wait()
			require.Zero(rt, g.waiting.count)
			for g.inside > 0 {
				<-admitted
				g.leave()
			}
		})
	})
}

// TestGateIsBounded: what nobody will be served is told so.
func TestGateIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{places: 1, inside: 1}
		ctx, cancel := context.WithCancel(t.Context())
		for range maxWaiting {
			go func() { _ = g.enter(ctx, t.Context(), class{}) }()
		}
		synctest.Wait()
		require.ErrorIs(t, g.enter(ctx, t.Context(), class{priority: PriorityInteractive}), ErrBusy)
		cancel()
		synctest.Wait()
		require.Zero(t, g.waiting.count)
	})
}

// TestSendOvertakesBulk: a short message waits for one block of a long transfer at
// most, and two users of the same priority take turns.
func TestSendOvertakesBulk(t *testing.T) {
	cfg := tenBytes()
	cfg.Profile.NStart = 1
	climb(t, cfg, func(l *ladder) {
		bulk := putBytes("bulk", 500)
		bulk.Priority = PriorityBulk
		l.do(l.t.Context(), bulk)
		l.run(`< CON PUT #a t=$a /bulk Block1=0/1/64 Size1=500 [0:64]`)
		for _, r := range []struct {
			path string
			flow Flow
		}{{"1", 1}, {"2", 1}, {"3", 2}} {
			send := get(r.path)
			send.Priority, send.Flow = PriorityInteractive, r.flow
			l.do(l.t.Context(), send)
			synctest.Wait() // it waits before the next one does
		}
		l.run(`
			~ 20s
			> ACK 2.31 #a t=$a Block1=0/1/64
			< CON GET #b t=$b /1 Block2=0/0/64
			> ACK 2.05 #b t=$b
			< CON GET #c t=$c /3 Block2=0/0/64 @0s..2s
			> ACK 2.05 #c t=$c
			< CON GET #d t=$d /2 Block2=0/0/64 @0s..2s
			> ACK 2.05 #d t=$d
			< CON PUT #e t=$a /bulk Block1=1/1/64 [64:128] @0s..2s
		`)
	})
}
