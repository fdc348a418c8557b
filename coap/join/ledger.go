package join

import (
	"net/http"
	"slices"
	"time"
)

// The functions of this file keep the books of a Transport: what can be joined, what
// runs alone, what is kept, and how many bytes that takes. Where they say nothing
// else, t.mu is held.

const (
	defaultMaxKept = 16 << 20
	// entryCost is what is charged for an answer beside its bytes.
	entryCost = 1 << 10
	// maxAlone and maxAloneOfUser bound the exchanges that run with nobody
	// waiting. A client that never asks alike twice, because it numbers its long
	// polls, must not fill the link and the gateway at the other end, which serves
	// 64 requests of a session at once.
	maxAlone       = 32
	maxAloneOfUser = 8
)

// link lets identical requests join.
func (t *Transport) link(x *exchange) {
	t.linked[x.key] = x
	if x.kind != reading {
		return
	}
	if t.reads[x.user] == nil {
		t.reads[x.user] = make(map[*exchange]struct{})
	}
	t.reads[x.user][x] = struct{}{}
}

// unlink lets nobody join any more. When nobody is in it either, the exchange ends
// and its answer is forgotten.
func (t *Transport) unlink(x *exchange) {
	if x.linked {
		x.linked = false
		delete(t.linked, x.key)
		delete(t.reads[x.user], x)
		if len(t.reads[x.user]) == 0 {
			delete(t.reads, x.user)
		}
		t.accompany(x)
	}
	if x.callers == 0 {
		x.cancel()
		t.held -= x.held
		x.held = 0
	}
}

// learn draws what follows from an answer for all that is held for its user; status
// is 0 when there was none.
func (t *Transport) learn(user digest, write bool, status int) {
	if status == http.StatusUnauthorized {
		t.forget(&user)
	}
	if write {
		for x := range t.reads[user] {
			t.unlink(x)
		}
	}
}

// forget lets go of all that is held for a user, nil for all users.
func (t *Transport) forget(user *digest) {
	for _, x := range t.linked {
		if user == nil || x.user == *user {
			t.unlink(x)
		}
	}
}

// leave ends a client's part in an exchange. delivered says that the client has the
// whole answer. t.mu is not held.
func (t *Transport) leave(x *exchange, delivered bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x.callers--
	executed := x.kind == transaction && x.head != nil && x.head.StatusCode < http.StatusMultipleChoices
	switch {
	case delivered && !executed, !x.linked:
		t.unlink(x)
	case x.callers > 0:
	case x.running:
		t.abandon(x)
	default:
		t.keep(x)
	}
}

// keep holds an answer with nobody there.
func (t *Transport) keep(x *exchange) {
	x.place = t.kept.PushBack(x)
	x.schedule()
}

// abandon lets an exchange run with nobody there. When there are too many, the oldest
// one ends.
func (t *Transport) abandon(x *exchange) {
	x.until = time.Now().Add(x.patience)
	x.schedule()
	t.alone = append(t.alone, x)
	oldest, ofUser := x, 0
	for _, other := range slices.Backward(t.alone) {
		if other.user == x.user {
			oldest = other
			ofUser++
		}
	}
	switch {
	case ofUser > maxAloneOfUser:
		t.unlink(oldest)
	case len(t.alone) > maxAlone:
		t.unlink(t.alone[0])
	}
}

// accompany takes an exchange back among those where somebody is.
func (t *Transport) accompany(x *exchange) {
	if x.timer == nil {
		return
	}
	x.timer.Stop()
	x.timer = nil
	if x.place != nil {
		t.kept.Remove(x.place)
		x.place = nil
	} else if i := slices.Index(t.alone, x); i >= 0 {
		t.alone = slices.Delete(t.alone, i, i+1)
	}
}

// schedule lets go of x at until, unless accompany comes before.
func (x *exchange) schedule() {
	x.timer = time.AfterFunc(time.Until(x.until), func() {
		x.t.mu.Lock()
		defer x.t.mu.Unlock()
		if x.timer != nil && x.over() { // this timer, not a former one
			x.t.unlink(x)
		}
	})
}

// over reports whether the time of an exchange with nobody there, or of an answer, has
// passed.
func (x *exchange) over() bool { return !time.Now().Before(x.until) }

// grow grants an answer more bytes, if need be those of older answers. An answer to
// which they are not granted can be joined no more. t.mu is not held.
func (t *Transport) grow(x *exchange, bytes int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.held == 0 {
		bytes += entryCost + headSize(x.head)
	}
	most := t.MaxKept / 4
	over := x.held+bytes > most || x.head.ContentLength > int64(most)
	if over || x.callers == 0 && !x.linked || !t.free(bytes) {
		t.unlink(x)
		return false
	}
	t.held += bytes
	x.held += bytes
	return true
}

// free makes room for so many bytes; the oldest answers go first.
func (t *Transport) free(bytes int) bool {
	for e := t.kept.Front(); e != nil && t.held+bytes > t.MaxKept; e = t.kept.Front() {
		t.unlink(e.Value.(*exchange))
	}
	return t.held+bytes <= t.MaxKept
}

// headSize is about what the header fields of an answer take, in bytes.
func headSize(head *http.Response) (n int) {
	for name, values := range head.Header {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return n
}
