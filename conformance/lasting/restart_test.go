package lasting

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestRestart restarts either end, or both, by turns: the next request goes out at
// once and is answered at once. It is as large as ever, but for the byte in its token
// that tells the lives of the client apart.
func TestRestart(t *testing.T) {
	for _, ends := range []string{"client", "server", "both"} {
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprint(ends, " crash ", crash), func(t *testing.T) {
				inWorld(t, linkemu.Config{}, func(w *world) {
					tokens := []string{"alice", "bob", ""}
					var usual [][]sent
					for range 2 {
						usual = nil
						for _, token := range tokens {
							w.numbers.datagrams()
							w.must("GET", token)
							usual = append(usual, w.numbers.datagrams())
						}
					}
					require.Len(w.t, usual[0], 2)
					for range 3 {
						w.restart(ends, crash)
						time.Sleep(time.Minute)
						require.Empty(w.t, w.numbers.datagrams(), "nothing is said at a restart")
						for i, token := range tokens {
							assert.Equal(w.t, 100*time.Millisecond, w.must("GET", token).took)
							assert.Equal(w.t, grown(usual[i], ends != "server"), w.numbers.datagrams(), token)
						}
						w.must("POST", "bob")
						w.numbers.datagrams()
					}
					assert.Equal(w.t, 1, w.numbers.handshakes())
					assert.Empty(w.t, w.faults())
				})
			})
		}
	}
}

// grown is what was usual with a byte more in each datagram.
func grown(usual []sent, grows bool) (now []sent) {
	for _, d := range usual {
		if grows {
			d.size++
		}
		now = append(now, d)
	}
	return now
}
