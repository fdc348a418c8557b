//go:build unix

package bench

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
)

// idle is many sessions with a server, each of which has served one request.
type idle struct {
	tb         testing.TB
	serve      *process
	transports []*coap.Transport
	// serverBefore and clientBefore are what both take without n sessions.
	n                          int
	serverBefore, clientBefore sample
	// server and client are what one session costs the server, a process of its own,
	// and the client, which is this one.
	server, client sample
}

// openers is how many sessions are begun at a time: fewer than one source may have
// half open.
const openers = 8

// idleSessions opens n sessions with Connection ID and measures them: what is in use
// and resident after garbage collection and debug.FreeOSMemory, less the same without
// sessions, divided by n.
func idleSessions(tb testing.TB, n int) *idle {
	s := &idle{tb: tb, n: n, serve: start(tb, "serve", start(tb, "homeserver").address)}
	s.open(1) // what sessions share is there then
	s.serverBefore, s.clientBefore = s.serve.sample(askMemory), takeSample(true)
	s.open(n)
	s.measure()
	return s
}

// settle is how long what follows a request takes to end: acknowledgements, and the timers of
// buffers.
const settle = 2 * time.Second

// measure looks at both ends when they have settled.
func (s *idle) measure() {
	time.Sleep(settle)
	s.server = s.serve.sample(askMemory).perSession(s.serverBefore, s.n)
	s.client = takeSample(true).perSession(s.clientBefore, s.n)
}

// open opens n sessions and leaves them alone after their first request.
func (s *idle) open(n int) {
	opened := make([]*coap.Transport, n)
	s.each(opened, func(i int) error {
		t, err := transportTo(s.serve.address)
		if err != nil {
			return err
		}
		opened[i] = t
		return send(t, "http://link", int64(i))
	})
	for _, t := range opened {
		s.tb.Cleanup(func() { _ = t.Close() })
	}
	s.transports = append(s.transports, opened...)
}

// wake sends a request over each session.
func (s *idle) wake() {
	s.each(s.transports, func(i int) error { return send(s.transports[i], "http://link", int64(i)) })
}

// each calls f for each index, several at a time.
func (s *idle) each(of []*coap.Transport, f func(i int) error) {
	next, errs := make(chan int), make(chan error, len(of))
	var running sync.WaitGroup
	for range openers {
		running.Go(func() {
			for i := range next {
				if err := f(i); err != nil {
					errs <- fmt.Errorf("session %d: %w", i, err)
				}
			}
		})
	}
	for i := range of {
		next <- i
	}
	close(next)
	running.Wait()
	close(errs)
	require.NoError(s.tb, <-errs)
}

// perSession is what each of n sessions has added. It is rounded: the last request
// of either sample may not have left the server when it was taken.
func (s sample) perSession(before sample, n int) sample {
	each := func(after, before int) int { return (after - before + n/2) / n }
	return sample{
		InUse:      each(s.InUse, before.InUse),
		Resident:   each(s.Resident, before.Resident),
		Goroutines: each(s.Goroutines, before.Goroutines),
	}
}

// Aim and bound of what an idle session of a server may take of the resident set, in
// bytes.
const (
	idleAim   = 30_000
	idleBound = 45_000
)

// BenchmarkIdleSession reports what one of 10,000 sessions costs after its first
// request, and sees that all of them can be reached afterwards.
func BenchmarkIdleSession(b *testing.B) {
	for b.Loop() {
		s := idleSessions(b, 10_000)
		for _, side := range []struct {
			name string
			sample
		}{{"server", s.server}, {"client", s.client}} {
			b.ReportMetric(float64(side.InUse), "B/session/"+side.name)
			b.ReportMetric(float64(side.Resident), "rss-B/session/"+side.name)
			b.ReportMetric(float64(side.Goroutines), "goroutines/session/"+side.name)
		}
		if s.server.Resident > idleAim {
			b.Logf("more than %d bytes a session", idleAim)
		}
		assert.LessOrEqual(b, s.server.Resident, idleBound)
		s.wake()

	}
}

// TestIdleSession guards what BenchmarkIdleSession measures. The reference takes
// 150 to 200 kB for a session.
func TestIdleSession(t *testing.T) {
	s := idleSessions(t, 200)
	// On a busy machine it takes longer until all is idle.
	for begun := time.Now(); !s.guarded() && time.Since(begun) < time.Minute; {
		t.Logf("not idle yet: server %+v, client %+v", s.server, s.client)
		s.measure()
	}
	t.Logf("server %+v, client %+v", s.server, s.client)
	assert.True(t, s.guarded())
	s.wake()
}

// guarded reports whether an idle session takes no more than it may.
func (s *idle) guarded() bool {
	return s.server.Goroutines <= serverGoroutines && s.client.Goroutines <= clientGoroutines &&
		s.server.InUse < idleBound && s.client.InUse < idleBound
}

// Goroutines of an idle session.
const (
	serverGoroutines = 1 // the message layer reads
	clientGoroutines = 2 // and the socket is read
)
