package join

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
)

// errLagged ends an answer for a client that reads much more slowly than another one
// with which it shares the answer. The client may ask again.
var errLagged = errors.New("join: the client is too slow for the answer that it shares")

// body is the body of an answer. It is filled by one goroutine while any number of
// readers read it, each at its own pace and from the first byte.
//
// As long as the body may grow it is held whole, for readers that come later. When it
// has outgrown what it may hold, it slides: it holds what lies between the slowest
// and the fastest reader, in the space that it has.
type body struct {
	mu      sync.Mutex
	data    []byte
	start   int64 // offset of data[0]; 0 while the body is held whole
	sliding bool
	ended   bool
	err     error // with which the answer broke off; nil if it is whole
	readers []*reader
	changed chan struct{} // closed at the next change; nil when nobody waits for it
}

// window is the least space of a body that slides, in bytes. It is far above what a
// link has under way, so that two clients of about the same pace stay together.
const window = 256 << 10

// fill reads an answer, whose size in bytes is -1 if it is not known, to its end.
// grow asks whether the body may take so many bytes more; after the first no it
// slides. fill does not end the body: see end.
func (b *body) fill(ctx context.Context, src io.Reader, size int64, grow func(bytes int) bool) error {
	const maxEmptyReads = 100
	for empty := 0; empty < maxEmptyReads; {
		room, err := b.room(ctx, size, grow)
		if err != nil {
			return err
		}
		n, err := src.Read(room)
		if n > 0 {
			empty = 0
			b.mu.Lock()
			b.data = b.data[:len(b.data)+n]
			b.broadcast()
			b.mu.Unlock()
		}
		switch err {
		case nil:
			empty++
		case io.EOF:
			return nil
		default:
			return err
		}
	}
	return io.ErrNoProgress
}

// room returns free space behind data. Only the goroutine that fills the body uses
// it, and only that one moves data, so that it needs no lock to read into it.
func (b *body) room(ctx context.Context, size int64, grow func(bytes int) bool) ([]byte, error) {
	if len(b.data) < cap(b.data) && !b.sliding {
		return b.data[len(b.data):cap(b.data)], nil
	}
	if !b.sliding {
		to := 2 * cap(b.data)
		if to == 0 {
			to = firstRoom(size)
		}
		if grow(to - cap(b.data)) {
			b.resize(to)
			return b.data[len(b.data):cap(b.data)], nil
		}
	}
	return b.slide(ctx)
}

// firstRoom is the space to begin with for a body that claims the given size, with
// one byte to find its end. A claim costs a peer nothing; it buys no more than this.
func firstRoom(size int64) int {
	const most = 64 << 10
	if size < 0 {
		return bytes.MinRead
	}
	return int(min(size+1, most))
}

func (b *body) resize(to int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(make([]byte, 0, to), b.data...)
}

// slide drops what all readers have read, and waits for them when there is too much
// left. It does not wait for the slow ones when another has read everything: those
// lose the answer.
func (b *body) slide(ctx context.Context) ([]byte, error) {
	for {
		b.mu.Lock()
		if cap(b.data) < window {
			b.data = append(make([]byte, 0, window), b.data...)
		}
		b.sliding = true
		b.drop()
		if len(b.data) == cap(b.data) && b.cutSlowest() {
			b.drop()
		}
		if len(b.data) < cap(b.data) {
			room := b.data[len(b.data):cap(b.data)]
			b.mu.Unlock()
			return room, nil
		}
		changed := b.wait()
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// drop forgets what all readers have read. b.mu is held.
func (b *body) drop() {
	least := b.start + int64(len(b.data))
	for _, r := range b.readers {
		least = min(least, r.offset)
	}
	b.data = b.data[:copy(b.data, b.data[least-b.start:])]
	b.start = least
}

// cutSlowest lets go of the readers that have read nothing of data, if another one
// has read all of it. b.mu is held.
func (b *body) cutSlowest() bool {
	end := b.start + int64(len(b.data))
	if !slices.ContainsFunc(b.readers, func(r *reader) bool { return r.offset == end }) {
		return false
	}
	b.readers = slices.DeleteFunc(b.readers, func(r *reader) bool {
		if r.offset != b.start {
			return false
		}
		r.err = errLagged
		return true
	})
	b.broadcast()
	return true
}

// end says that nothing follows: err is nil if the body is whole.
func (b *body) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended, b.err = true, err
	b.broadcast()
}

// wait returns what is closed at the next change. b.mu is held.
func (b *body) wait() <-chan struct{} {
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// broadcast wakes all that wait for a change. b.mu is held.
func (b *body) broadcast() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// attach adds a reader, which reads from the first byte. It must not be called once
// the body slides.
func (b *body) attach(r *reader) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.readers = append(b.readers, r)
}

// detach removes a reader. It reports whether the reader was given the body to its end, and
// whether it is removed for the first time.
func (b *body) detach(r *reader) (whole, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.readers, r); i >= 0 {
		b.readers = slices.Delete(b.readers, i, i+1)
	}
	b.broadcast()
	first, r.closed = !r.closed, true
	return r.whole, first
}

// read copies to p what follows for r. When there is nothing yet, it returns what is
// closed when there may be.
func (b *body) read(r *reader, p []byte) (n int, changed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.closed:
		return 0, nil, http.ErrBodyReadAfterClose
	case r.err != nil:
		return 0, nil, r.err
	}
	if n = copy(p, b.data[r.offset-b.start:]); n > 0 {
		if r.offset += int64(n); r.offset == r.x.head.ContentLength {
			r.reach()
		}
		if b.sliding {
			b.broadcast()
		}
		return n, nil, nil
	}
	switch {
	case !b.ended:
		return 0, b.wait(), nil
	case b.err != nil:
		return 0, nil, b.err
	}
	r.reach()
	return 0, nil, io.EOF
}
