package mobile

import (
	"errors"
	"time"
)

// Suspend readies the app for sleep. Long-polls end at once, with ErrorSuspended; what else is
// under way may finish for waitMillis milliseconds and ends so then. New requests fail, until
// Resume. When it returns the socket is closed, no timer runs, nothing is sent, and the
// session lies in memory, and in StateDir, which another process may use now; the server
// keeps what it would push. It says nothing to the server.
//
// A Resume meanwhile makes it return at once, with the gateway awake. It does nothing to a
// gateway that sleeps. After an error the gateway sleeps all the same, and the next request
// after Resume may cost a handshake.
func (g *Gateway) Suspend(waitMillis int64) error {
	g.life.Lock()
	defer g.life.Unlock()
	if slept, err := g.doze(time.Duration(waitMillis) * time.Millisecond); !slept {
		return err
	}
	g.local.sleep()
	err := g.client.Suspend()
	g.watch.set(StateSuspended)
	return errors.Join(explained(err), g.state.close())
}

// doze lets requests end, and reports whether the gateway sleeps now and did not before.
func (g *Gateway) doze(wait time.Duration) (slept bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch g.phase {
	case closed:
		return false, explain(errClosed)
	case asleep:
		return false, nil
	}
	g.phase = drowsy
	for c := range g.calls {
		if c.poll {
			c.cancel(errSuspended)
		}
	}
	if wait > 0 {
		over := false
		timer := time.AfterFunc(wait, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			over = true
			g.changed.Broadcast()
		})
		for g.phase == drowsy && !over && len(g.calls) > 0 {
			g.changed.Wait()
		}
		timer.Stop()
	}
	switch g.phase {
	case closed:
		return false, explain(errClosed)
	case awake:
		return false, nil
	}
	g.phase = asleep
	for c := range g.calls {
		c.cancel(errSuspended)
	}
	return true, nil
}

// Resume ends the sleep: the next request goes on with the session, without a handshake. It
// sends nothing by itself. It does nothing to a gateway that is awake.
//
// With ErrorState the gateway still sleeps. With ErrorListen it is awake, but does not listen
// any more where Start said: call Start for another URL.
func (g *Gateway) Resume() error {
	g.mu.Lock()
	if g.phase == drowsy {
		g.phase = awake
		g.changed.Broadcast()
	}
	g.mu.Unlock()
	g.life.Lock()
	defer g.life.Unlock()
	switch g.now() {
	case closed:
		return explain(errClosed)
	case awake:
		return nil
	}
	if err := g.state.open(); err != nil {
		return err
	}
	g.client.Resume()
	g.mu.Lock()
	if g.phase == asleep { // else Close waits for us
		g.phase = awake
	}
	g.mu.Unlock()
	g.watch.anew()
	err := g.local.wake()
	if err != nil {
		g.local = nil
	}
	return err
}

// NetworkChanged says that the device is in another network, or has another address: the
// session goes on over a new socket, and what waits for an answer gets it there. It costs
// nothing while nothing waits. It returns at once, and does nothing to a gateway that sleeps.
func (g *Gateway) NetworkChanged() {
	if p := g.now(); p == awake || p == drowsy {
		g.watch.anew()
		g.client.NetworkChanged()
	}
}

// Close ends the gateway and what it has started, from whatever state it is in. The session
// stays in StateDir for the next one. The listener is called for the last time before it
// returns. It waits for what is being done, not for the network.
func (g *Gateway) Close() error {
	g.mu.Lock()
	was := g.phase
	g.phase = closed
	for c := range g.calls {
		c.cancel(errClosed)
	}
	if g.changed != nil {
		g.changed.Broadcast()
	}
	g.mu.Unlock()
	g.life.Lock()
	defer g.life.Unlock()
	if was == closed {
		return nil
	}
	g.local.stop()
	err := explained(g.client.Close())
	g.following.Wait()
	g.watch.end()
	return errors.Join(err, g.state.close())
}

func (g *Gateway) now() phase {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.phase
}

// explained is explain of an error that may be nil.
func explained(err error) error {
	if err == nil {
		return nil
	}
	return explain(err)
}
