package dtls

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// A panic over a datagram loses that, where it was asked for, and the log tells where it was.
func TestPanicOverADatagram(t *testing.T) {
	var log bytes.Buffer
	cfg := &Config{Recover: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
	g := newGuard()
	g.run(cfg, func() { panic("secret") })
	assert.Contains(t, log.String(), "TestPanicOverADatagram")
	assert.NotContains(t, log.String(), "secret")
	cfg.Recover = false
	assert.PanicsWithValue(t, "boom", func() { g.run(cfg, func() { panic("boom") }) })
}

// A server goes on after datagrams that it panics over, and they do not fill its log.
func TestServerAfterPanics(t *testing.T) {
	var log bytes.Buffer
	cfg := serverConfig()
	cfg.Recover, cfg.Log = true, slog.New(slog.NewTextHandler(&log, nil))
	in(t, 50*time.Millisecond, cfg, func(t *testing.T, w *world) {
		const broken = cid(0x1234)
		w.listener.mu.Lock()
		w.listener.byCID[broken] = &association{} // without a session
		w.listener.mu.Unlock()
		for range 100 {
			b := rec(typeCID, 1, make([]byte, 40)...)
			copy(b[recordHeader-2:], broken.bytes())
			w.net.send(sent{from: "203.0.113.9:9", to: serverAddress, data: b})
		}
		time.Sleep(time.Second)
		synctest.Wait() // the log is written by the listener
		assert.Equal(t, 1, strings.Count(log.String(), "a panic over a datagram"))
		w.listener.mu.Lock()
		delete(w.listener.byCID, broken)
		w.listener.mu.Unlock()
		client, server := w.connect(clientAddress, clientConfig())
		carries(t, client, server, "nevertheless")
	})
}
