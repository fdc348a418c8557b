package outbox

import (
	"maps"
	"net/http"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/txn"
)

// maxSending bounds the requests that are on their way at once, each for another room. The
// message layer has its own bound, NSTART; here one room whose server takes its time must
// not stop the others.
const maxSending = 8

// dispatch begins to send what may be sent, until Close.
func (t *Transport) dispatch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-t.life.Done():
			return
		case <-t.wake:
		case <-timer.C:
		}
		if next := t.begin(time.Now()); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// begin starts to send what may be sent now, and returns when there is more to do; zero
// means that nothing but an event gives work.
func (t *Transport) begin(now time.Time) (next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	soon := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	maps.DeleteFunc(t.paused, func(_ txn.Digest, until time.Time) bool { return !until.After(now) })
	taken := make(map[lane]bool)      // an earlier request of the lane waits
	keys := make(map[txn.Digest]bool) // earlier messages to devices of the user wait
	var probe *item
	for _, it := range t.items {
		l := it.lane()
		first := !taken[l] && (it.ToDevice || !keys[it.user])
		taken[l] = true
		keys[it.user] = keys[it.user] || it.ToDevice
		if it.sending || !it.stored {
			continue
		}
		if !now.Before(it.at.Add(t.MaxAge)) {
			t.expire(it)
			continue
		}
		soon(it.at.Add(t.MaxAge))
		if !first {
			continue
		}
		switch at := later(it.retryAt, t.paused[it.user]); {
		case at.After(now):
			soon(at)
		case t.way.away:
			if probe == nil || it.probes < probe.probes {
				probe = it
			}
		case t.sending < maxSending:
			t.launch(it, false)
		}
	}
	if probe != nil && !t.way.probing {
		if t.way.probeAt.After(now) {
			soon(t.way.probeAt)
		} else {
			t.launch(probe, true)
		}
	}
	return next
}

// expire ends an item that has waited for too long. t.mu is held.
func (t *Transport) expire(it *item) {
	it.sending = true // nobody else touches it now
	t.wg.Go(func() {
		t.Log.Warn("a message leaves the queue, it is too old", "tries", it.strikes+it.probes)
		t.leave(it, outcome{err: &coap.Error{
			Status: http.StatusGatewayTimeout, ErrCode: "M_UNKNOWN",
			Message: "the message could not be sent for too long a time",
		}})
	})
}

// launch sends an item. t.mu is held.
func (t *Transport) launch(it *item, probe bool) {
	it.sending = true
	t.sending++
	if probe {
		t.way.probing = true
	}
	t.wg.Go(func() {
		begun := time.Now()
		v := t.try(it)
		t.mu.Lock()
		t.sending--
		if probe {
			t.way.probing = false
		}
		t.mu.Unlock()
		t.judge(it, probe, begun, v)
	})
}

// judge does what follows from a try.
func (t *Transport) judge(it *item, probe bool, begun time.Time, v verdict) {
	if v.outcome.err == nil {
		t.LinkWorks()
	}
	switch v.what {
	case closing:
		return
	case answered, refused:
		t.leave(it, v.outcome)
		return
	case tokenEnded:
		t.leave(it, v.outcome)
		t.leaveAll(it.user, v.outcome)
		return
	}
	if v.what == fault && it.faults >= maxFaults {
		t.Log.Warn("a message leaves the queue, it fails each time", "status", v.outcome.answer.Status, "error", v.outcome.err)
		t.leave(it, v.outcome)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.postpone(it, probe, begun, v)
	it.sending = false
	t.poke()
}

// postpone says when to try an item again. t.mu is held.
func (t *Transport) postpone(it *item, probe bool, begun time.Time, v verdict) {
	now := time.Now()
	if v.what == linkAway {
		wasAway := t.way.away
		if t.way.failed(begun, now, t.pause) && !wasAway {
			t.Log.Info("the link is away, messages wait", "count", len(t.items), "error", v.outcome.err)
		}
		if probe && t.way.away {
			it.probes++
			return
		}
	}
	if v.what == fault {
		it.faults++
	}
	pause := max(t.pause(it.strikes), v.after)
	it.strikes++
	it.retryAt = now.Add(pause)
	if v.what == limited {
		t.paused[it.user] = later(t.paused[it.user], now.Add(v.after))
	}
}
