package join

import (
	"context"
)

// reader is one client's share of an exchange, and the body of its answer.
type reader struct {
	x   *exchange
	ctx context.Context
	// Guarded by x.body.mu:

	// offset is how much the client has read.
	offset int64
	// err ended the answer for this client alone.
	err error
	// ended: the client has read the answer to its end; whole: and was there when it was
	// handed the last byte of it.
	ended, whole bool
	closed       bool
}

// reach notes that the client has the last byte. What it does from then on tells nothing: who
// knows the length of an answer may be gone before anybody sees that no more follows.
// x.body.mu is held.
func (r *reader) reach() {
	if !r.ended {
		r.ended, r.whole = true, r.ctx.Err() == nil
	}
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, changed, err := r.x.body.read(r, p)
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
}

// Close ends the client's part. The answer counts as delivered when the client has
// read it to its end and was still there.
func (r *reader) Close() error {
	if whole, first := r.x.body.detach(r); first {
		r.x.t.leave(r.x, whole)
	}
	return nil
}
