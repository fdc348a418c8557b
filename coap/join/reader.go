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
	// whole: the client has read the answer to its end.
	whole  bool
	closed bool
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
// read it to its end and is still there.
func (r *reader) Close() error {
	if whole, first := r.x.body.detach(r); first {
		r.x.t.leave(r.x, whole && r.ctx.Err() == nil)
	}
	return nil
}
