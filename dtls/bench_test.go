package dtls

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkIdleSessions reports what an idle session of a server costs:
// memory in use, stacks included, and goroutines.
func BenchmarkIdleSessions(b *testing.B) {
	const sessions = 1000
	for b.Loop() {
		n := newNetwork(0)
		cfg := serverConfig()
		cfg.MaxCookieless = sessions
		l, err := Listen(n.socket(serverAddress), cfg)
		require.NoError(b, err)
		memory, goroutines := inUse()
		for i := range sessions {
			s := n.socket(fmt.Sprintf("198.51.100.%d:%d", i%250+1, 1024+i))
			_, err := Dial(context.Background(), s, addr(serverAddress), clientConfig())
			require.NoError(b, err)
			_, err = l.Accept()
			require.NoError(b, err)
			require.NoError(b, s.Close()) // takes the client away, without a word
		}
		n.sentLog()
		memoryAfter, goroutinesAfter := inUse()
		b.ReportMetric(float64(memoryAfter-memory)/sessions, "B/session")
		b.ReportMetric(float64(goroutinesAfter-goroutines)/sessions, "goroutines/session")
		require.NoError(b, l.Close())
	}
}

// inUse is the memory of live objects and of stacks, in bytes, and the number of
// goroutines. Holes in the heap are not counted: here most are left by clients.
func inUse() (memory, goroutines int) {
	for range 3 {
		runtime.GC() // each shrinks stacks by half
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}

// BenchmarkRecord sends datagrams from a client to a server over loopback UDP.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			spc, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(b, err)
			l, err := Listen(spc, serverConfig())
			require.NoError(b, err)
			defer l.Close()
			cpc, err := net.ListenPacket("udp", "127.0.0.1:0")
			require.NoError(b, err)
			client, err := Dial(b.Context(), cpc, spc.LocalAddr(), clientConfig())
			require.NoError(b, err)
			defer client.Close()
			server, err := l.Accept()
			require.NoError(b, err)

			out, in := make([]byte, size), make([]byte, 2048)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				_, err := client.Write(out)
				require.NoError(b, err)
				_, err = server.Read(in)
				require.NoError(b, err)
			}
		})
	}
}

// BenchmarkHandshake counts both sides.
func BenchmarkHandshake(b *testing.B) {
	n := newNetwork(0)
	l, err := Listen(n.socket(serverAddress), serverConfig())
	require.NoError(b, err)
	defer l.Close()
	b.ReportAllocs()
	for b.Loop() {
		c, err := Dial(b.Context(), n.socket(clientAddress), addr(serverAddress), clientConfig())
		require.NoError(b, err)
		_, err = l.Accept()
		require.NoError(b, err)
		require.NoError(b, c.Close())
	}
}
