package endpoint

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"sync/atomic"
	"time"
)

// A download that was given up because the peer did not answer is parked: what came
// of it stays, and the peer keeps its side for a while (see bulkSend). The same
// request made again, which must be a GET or a FETCH, goes on where the transfer stopped. It is
// the same transfer with the same token, so the blocks belong together without a
// validator; where the peer has forgotten it, the request is made anew.

// Bounds of what is parked on a session.
const (
	maxParked = 4
	// maxKept bounds the bytes that are kept of all downloads, those under way included.
	// Of what does not fit nothing is kept. It bounds too how much of an upload may be
	// skipped.
	maxKept = 16 << 20
)

// parkedBody is a download that was given up.
type parkedBody struct {
	d     *bulkBody
	until time.Time
}

// resumable returns the key of a request whose download may be resumed, 0 if it may not.
// As the payload of a FETCH belongs to it (RFC 8132 §2), that is read, and the request
// returned has it.
func (c *Conn) resumable(r *Request, opts Options) (_ *Request, key uint64, err error) {
	safe := r.Code == GET && r.Body == nil || r.Code == FETCH && c.terms().peerKnown
	switch {
	case r.Arrived != nil || !safe:
		return r, 0, nil
	case r.Body == nil:
		return r, c.transferKey(r.Code, opts), nil
	}
	whole, src := *r, source{r: r.Body}
	payload := make([]byte, blockBuffer(r.Size, maxSZX)+1)
	n, err := src.fill(payload)
	if err != nil {
		return r, 0, err
	}
	payload = payload[:n]
	if !src.ended {
		whole.Body = io.MultiReader(bytes.NewReader(payload), r.Body)
		return &whole, 0, nil
	}
	whole.Body, whole.Size = bytes.NewReader(payload), int64(n)
	return &whole, c.transferKey(r.Code, opts) ^ maphash.Bytes(c.seen.seed, payload), nil
}

// park keeps a download for MAX_TRANSMIT_WAIT, if it may be resumed. d.mu is not held.
func (c *Conn) park(d *bulkBody) bool {
	d.mu.Lock()
	keep := d.key != 0 && !d.closed && errors.Is(d.err, ErrTimeout) && d.g.kept != nil
	d.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !keep || c.closed() {
		return false
	}
	c.parked = slices.DeleteFunc(c.parked, func(p parkedBody) bool {
		same := p.d.key == d.key
		if same {
			p.d.discard()
		}
		return same
	})
	if len(c.parked) == maxParked {
		c.parked[0].d.discard()
		c.parked = slices.Delete(c.parked, 0, 1)
	}
	until := time.Now().Add(c.terms().profile.MaxTransmitWait())
	c.parked = append(c.parked, parkedBody{d, until})
	c.sweepBefore(until)
	return true
}

// sweepParked forgets what nobody asked for again. c.mu is held.
func (c *Conn) sweepParked(now time.Time) {
	for len(c.parked) > 0 && !now.Before(c.parked[0].until) {
		c.parked[0].d.discard()
		c.parked = slices.Delete(c.parked, 0, 1)
	}
	if len(c.parked) > 0 {
		c.sweepBefore(c.parked[0].until)
	}
}

// resume goes on with a parked download. It returns nil when there is none, or the
// peer has forgotten it; after ErrTimeout it is parked again.
func (c *Conn) resume(ctx context.Context, key uint64) (*Response, error) {
	if key == 0 {
		return nil, nil
	}
	c.mu.Lock()
	i := slices.IndexFunc(c.parked, func(p parkedBody) bool { return p.d.key == key })
	if i < 0 {
		c.mu.Unlock()
		return nil, nil
	}
	old := c.parked[i].d
	c.parked = slices.Delete(c.parked, i, i+1)
	// The reader of before still has the old one and may close it.
	d := newBulkBody(old.x)
	old.mu.Lock()
	d.ctx, d.code, d.path, d.closing, d.key = ctx, old.code, old.path, old.closing, old.key
	d.g, d.responseCode, d.size, d.options = old.g, old.responseCode, old.size, old.options
	old.g = gathering{limit: old.g.limit}
	old.mu.Unlock()
	d.g.rewind()
	size := int64(d.g.size())
	d.progress = c.beginTransfer(old.x.label, false, d.size, int(size), true)
	d.progress.resumed(int64(d.g.next)*size + int64(d.g.ahead))
	d.begun, d.x.bulk = true, d
	p := d.g.progress(time.Now(), c.terms().missingFit())
	d.expect(p)
	d.arrived, d.reported = time.Now(), time.Now()
	c.mu.Unlock()

	err := d.poll(p)
	d.mu.Lock()
	if err != nil {
		d.err = err
	}
	err = d.err
	d.mu.Unlock()
	var forgotten *BlockError
	switch {
	case errors.As(err, &forgotten):
		d.progress.end()
		c.mu.Lock()
		d.discard()
		c.mu.Unlock()
		return nil, nil
	case err != nil:
		d.finish()
		return nil, err
	}
	c.start(d.run)
	return &Response{Code: d.responseCode, Options: d.options.clone(), Size: d.size, Body: d}, nil
}

// rewind makes all blocks that came readable again.
func (g *gathering) rewind() {
	g.unread, g.waiting = slices.Clone(g.kept), 0
	for _, b := range g.unread {
		g.waiting += len(b)
	}
}

// shelf counts the bytes that the downloads of a session keep.
type shelf struct{ bytes atomic.Int64 }

// keep remembers a block that was made readable.
func (g *gathering) keep(payload []byte) {
	if g.shelf.bytes.Add(int64(len(payload))) > maxKept {
		g.shelf.bytes.Add(-int64(len(payload)))
		g.discard()
		return
	}
	g.kept = append(g.kept, payload)
	g.keptBytes += len(payload)
}

// discard forgets what was kept, and keeps nothing more.
func (g *gathering) discard() {
	if g.keptBytes > 0 {
		g.shelf.bytes.Add(-int64(g.keptBytes))
	}
	g.keeps, g.kept, g.keptBytes = false, nil, 0
}

// discard ends a download that is parked no more. c.mu is held.
func (d *bulkBody) discard() {
	d.x.endLocked()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.g.discard()
}
