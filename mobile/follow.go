package mobile

import (
	"context"

	"github.com/coapgw/coapgw/client"
)

// RoomListener is told what happens in a room. Calls follow each other on one thread, which is
// not the app's main one; the next one waits for it. It must not call Stop or Close, which
// wait for it.
type RoomListener interface {
	// RoomEvent tells an event, or that some were skipped, or what is in trouble and being
	// tried again.
	RoomEvent(e *RoomEvent)
	// RoomEnded is the last call: after Stop, with ErrorCancelled, after Close, or because the
	// homeserver refuses the room, with ErrorRequest. problem is a text as that of an error.
	RoomEnded(problem string)
}

// RoomEvent is an event of a room, if it has Fields, or a word on the stream of them.
type RoomEvent struct {
	// Mark is where the room goes on: s in the target of a later Follow.
	Mark int64
	// Cut: the event does not fit. Missing is how many bytes are missing of its last text, 0
	// where a field is missing as a whole.
	Cut     bool
	Missing int64
	// Gap: events were skipped here, Skipped in number, 0 for an unknown number.
	Gap     bool
	Skipped int64
	// Trouble is what failed and is tried again, a text as that of an error; else empty.
	Trouble string

	fields []byte
}

// Fields are a JSON object of the fields that were asked for and that the event has. A sender
// without ":" is a user of one's own homeserver.
func (e *RoomEvent) Fields() []byte { return e.fields }

// Following is a room that is followed.
type Following struct {
	end  context.CancelFunc
	done chan struct{}
}

// Follow tells a room to a listener, an event at a time, in fewer bytes than /sync takes.
// target is "/~/", the ID or alias of the room, and what to tell, escaped as in a URL:
// "/~/%23lab:example.org?n=3&f=sender,body". docs/wire-v1.md has all of it, "Room stream". It goes
// on over sleep, other networks and restarts of the server, until Stop or Close.
func (g *Gateway) Follow(target, token string, l RoomListener) (*Following, error) {
	stream, err := client.ParseStream(target)
	if err != nil {
		return nil, failure(ErrorRequest, "%w", err)
	}
	if l == nil {
		return nil, failure(ErrorRequest, "there is no listener")
	}
	stream.Token = token
	ctx, end := context.WithCancel(context.Background())
	f := &Following{end: end, done: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.phase == closed {
		end()
		return nil, explain(errClosed)
	}
	g.following.Go(func() {
		defer close(f.done)
		defer end()
		err := g.client.Follow(ctx, stream, func(e client.Event) error {
			l.RoomEvent(roomEvent(e))
			return nil
		})
		l.RoomEnded(explain(cause(ctx, err)).Error())
	})
	return f, nil
}

// Stop ends it; when it returns the listener has heard RoomEnded, and is called no more.
func (f *Following) Stop() {
	f.end()
	<-f.done
}

func roomEvent(e client.Event) *RoomEvent {
	out := &RoomEvent{
		Mark: int64(e.Mark), Cut: e.Cut, Missing: int64(e.Missing), Gap: e.Gap, Skipped: int64(e.Skipped), fields: e.Fields,
	}
	if e.Err != nil {
		out.Trouble = explain(e.Err).Error()
	}
	return out
}
