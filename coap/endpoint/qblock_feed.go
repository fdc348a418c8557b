package endpoint

import (
	"context"
)

// chunk is a block of a body before it has a number.
type chunk struct {
	payload []byte
	more    bool
	err     error // instead: the body failed
}

// feed reads a body block by block as fast as they are taken, until it ends or ctx.
func feed(ctx context.Context, src *source, size int, blocks chan<- chunk) {
	for more := true; more; {
		buf := make([]byte, size)
		n, m, err := src.next(buf)
		more = m && err == nil
		select {
		case blocks <- chunk{buf[:n], m, err}:
		case <-ctx.Done():
			return
		}
	}
}
