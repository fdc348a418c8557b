package endpoint

import "testing"

// TestRevive: a message that was repeated in vain while the link was away goes out
// again as soon as the peer is heard, not when its backoff ends; and only once.
func TestRevive(t *testing.T) {
	cfg := Config{Profile: testProfile()}
	cfg.Profile.MaxRetransmit, cfg.Profile.NStart = 4, 2
	climb(t, cfg, func(l *ladder) {
		go func() { _ = l.conn.Ping(l.t.Context()) }()
		l.run(`
			< CON EMPTY #a t=
			< CON EMPTY #a t=    @2s..3s
			< CON EMPTY #a t=    @4s..6s
			< CON EMPTY #a t=    @8s..12s
			~ 5s
			> CON EMPTY #0009 t=
			< RST EMPTY #0009 t=
			< CON EMPTY #a t=
			> CON EMPTY #000a t=
			< RST EMPTY #000a t=
			~ 10s
			> RST EMPTY #a t=
		`)
	})
}
