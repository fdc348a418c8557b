package dtls

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/conformance/race"
)

// fragmentRecord is a piece of a message that is never whole, as of a Certificate.
func fragmentRecord(seq, at, size int) []byte {
	body := make([]byte, handshakeHeader+size)
	body[0] = 11 // Certificate (RFC 5246 §7.4.2)
	body[5] = byte(seq)
	putUint(body[1:], 1<<24-1)
	putUint(body[6:], at)
	putUint(body[9:], size)
	r := []byte{typeHandshake, versionMajor, versionMinor, 0, 0, 0, 0, 0, byte(at >> 16), byte(at >> 8), byte(at), byte(len(body) >> 8), byte(len(body))}
	return append(r, body...)
}

func putUint(b []byte, n int) { b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n) }

// Messages that are begun and never whole, records of keys that there are not yet: what comes
// to handshakes that lead nowhere takes bounded memory, whoever sends it, and those of others
// come to their end.
func TestHandshakesTakeBoundedMemory(t *testing.T) {
	race.OneProcessor(t)
	for _, tc := range []struct {
		name   string
		record func(n int) []byte
	}{
		{"fragments", func(n int) []byte { return fragmentRecord(1, 1000*n, 1000) }},
		{"fragments of many messages", func(n int) []byte { return fragmentRecord(1+n%100, 1000*(1+n), 1000) }},
		{"records of the next epoch", func(n int) []byte {
			r := fragmentRecord(1, 1000*n, 1000)
			r[4] = epoch
			return r
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := serverConfig()
			cfg.MaxHalfOpen = 64
			in(t, time.Millisecond, cfg, func(t *testing.T, w *world) {
				heap := func() int {
					var m runtime.MemStats
					w.net.sentLog()
					synctest.Wait()
					runtime.GC()
					runtime.ReadMemStats(&m)
					return int(m.HeapAlloc)
				}
				before := heap()
				for n := range 32 {
					w.spoof(n, fmt.Sprintf("203.0.113.%d:1", n))
				}
				time.Sleep(time.Second)
				for n := range 400 {
					for k := range 32 {
						w.net.send(sent{from: fmt.Sprintf("203.0.113.%d:1", k), to: serverAddress, data: tc.record(n)})
					}
					time.Sleep(2 * time.Millisecond)
				}
				time.Sleep(time.Second)
				assert.Equal(t, 32, w.listener.Stats().HalfOpen)
				assert.Less(t, heap()-before, 4<<20)
				client, server := w.connect("198.51.100.1:5", clientConfig())
				carries(t, client, server, "through the crowd")
			})
		})
	}
}
