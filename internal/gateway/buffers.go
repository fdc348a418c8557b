package gateway

import "sync"

// copyBuffer is how much of a body httputil.ReverseProxy copies at once, in bytes.
const copyBuffer = 32 << 10

// bufferPool lends buffers to a reverse proxy, which else takes a new one for each
// answer: most of what a request would allocate.
type bufferPool struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *bufferPool) Get() []byte {
	if p, ok := b.pool.Get().(*[copyBuffer]byte); ok {
		return p[:]
	}
	return new([copyBuffer]byte)[:]
}

// Put implements httputil.BufferPool.
func (b *bufferPool) Put(p []byte) { b.pool.Put((*[copyBuffer]byte)(p)) }
