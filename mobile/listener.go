package mobile

import (
	"cmp"
	"errors"
	"net/http"
	"sync"

	"github.com/coapgw/coapgw/coap"
)

// States of the link.
const (
	// StateIdle: nothing was asked of the server since Open, Resume or NetworkChanged.
	StateIdle = "idle"
	// StateConnecting: a request waits, and the server has not been heard since.
	StateConnecting = "connecting"
	// StateConnected: the server has answered.
	StateConnected = "connected"
	// StateUnreachable: the last request that had to cross the link failed there.
	StateUnreachable = "unreachable"
	// StateSuspended: the gateway sleeps.
	StateSuspended = "suspended"
	// StateClosed: the gateway was closed, or never opened.
	StateClosed = "closed"
)

// Listener is told of the link, for what an app shows to a person.
type Listener interface {
	// StateChanged is called with one of the State constants: the present one when the
	// listener is set, and the new one after each change, the last of several that come in
	// quick succession. Calls follow each other on one thread, which is not the app's main
	// one. It must not call SetListener or Close, which wait for it.
	StateChanged(state string)
}

// SetListener sets who is told of the link from now on, in place of the one before; null for
// nobody. It returns when the one before is called no more.
func (g *Gateway) SetListener(l Listener) {
	g.life.Lock()
	defer g.life.Unlock()
	if g.now() != closed {
		g.watch.tell(l)
	}
}

// watch is what is known of the link, and who is told. Its zero value is closed.
type watch struct {
	mu    sync.Mutex
	state string // empty: StateClosed
	// waiting counts requests under way.
	waiting int
	telling *telling // nil: nobody is told
}

// asked notes that a request begins.
func (w *watch) asked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting++
	if w.state == StateIdle || w.state == StateUnreachable {
		w.become(StateConnecting)
	}
}

// answered notes that a request has ended, with err or not; heard tells whether anything came
// from the server meanwhile. What was answered on this side of the link shows nothing.
func (w *watch) answered(err error, heard bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting--
	if w.state == StateSuspended || w.state == StateClosed || w.state == "" {
		return
	}
	switch {
	case heard:
		w.become(StateConnected)
	case linkFailed(err):
		w.become(StateUnreachable)
	case w.state == StateConnecting && w.waiting == 0:
		w.become(StateIdle)
	}
}

// linkFailed reports whether err says that the server was not reached, or did not answer.
func linkFailed(err error) bool {
	var own *coap.Error
	return errors.As(err, &own) && (own.Status == http.StatusBadGateway || own.Status == http.StatusGatewayTimeout)
}

// anew notes that nothing is known of the link any more.
func (w *watch) anew() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting > 0 {
		w.become(StateConnecting)
	} else {
		w.become(StateIdle)
	}
}

func (w *watch) set(state string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.become(state)
}

// become changes the state. w.mu is held.
func (w *watch) become(state string) {
	w.state = state
	if w.telling != nil {
		select {
		case w.telling.news <- struct{}{}:
		default: // it has not looked yet
		}
	}
}

func (w *watch) now() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return cmp.Or(w.state, StateClosed)
}

// end is the last change.
func (w *watch) end() {
	w.set(StateClosed)
	w.tell(nil)
}

// tell has l told, in place of who was.
func (w *watch) tell(l Listener) {
	w.mu.Lock()
	before := w.telling
	w.telling = nil
	w.mu.Unlock()
	if before != nil {
		close(before.stop)
		<-before.ended
	}
	if l == nil {
		return
	}
	t := &telling{news: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	w.mu.Lock()
	w.telling = t
	w.mu.Unlock()
	go t.run(w, l)
}

// telling is one listener's goroutine.
type telling struct{ news, stop, ended chan struct{} }

func (t *telling) run(w *watch, l Listener) {
	defer close(t.ended)
	last := ""
	for over := false; !over; {
		if state := w.now(); state != last {
			last = state
			l.StateChanged(state)
		}
		select {
		case <-t.news:
		case <-t.stop:
			over = true
		}
	}
	if w.now() == StateClosed && last != StateClosed {
		l.StateChanged(StateClosed)
	}
}
