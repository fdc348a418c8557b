package gateway

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestBuffersAreUsedAgain(t *testing.T) {
	var pool bufferPool
	first := pool.Get()
	assert.Len(t, first, copyBuffer)
	assert.Less(t, testing.AllocsPerRun(1000, func() { pool.Put(pool.Get()) }), 0.5, "allocations of each copy")
}
