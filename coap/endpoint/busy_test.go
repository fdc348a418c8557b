package endpoint

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/link"
)

// turns is the link of tenBytes as a half-duplex one.
func turns() Config {
	cfg := tenBytes()
	cfg.Profile.HalfDuplex, cfg.Profile.MaxTurn = true, 10*time.Second
	return cfg
}

// TestTimersStandWhileTheLinkIsBusy: on a half-duplex link neither an answer nor a
// retransmission can cross while something else does.
func TestTimersStandWhileTheLinkIsBusy(t *testing.T) {
	t.Run("full duplex", func(t *testing.T) {
		climb(t, tenBytes(), func(l *ladder) {
			l.train()
			l.ping()
			l.run(`< CON EMPTY #a t=`)
			l.busy(5*time.Second, 5)
			l.run(`< CON EMPTY #a t= @7100ms..7100ms`)
		})
	})
	t.Run("with the peer's", func(t *testing.T) {
		climb(t, turns(), func(l *ladder) {
			l.train()
			l.ping() // 12.1 s
			l.run(`< CON EMPTY #a t=`)
			l.busy(5*time.Second, 5) // 2 s
			l.run(`
				< CON EMPTY #a t= @9100ms..9100ms
				> RST EMPTY #a
			`)
		})
	})
	t.Run("with ours", func(t *testing.T) {
		climb(t, turns(), func(l *ladder) {
			l.train()
			l.ping()
			l.run(`
				< CON EMPTY #a t=
				> CON EMPTY #0001 t=
				< RST EMPTY #0001 t=
				< CON EMPTY #a t= @12900ms..12920ms
			`) // 0.4 s for the question, and for the answer
		})
	})
	t.Run("for two turns at most", func(t *testing.T) {
		climb(t, turns(), func(l *ladder) {
			l.train()
			l.ping()
			l.run(`< CON EMPTY #a t=`)
			l.busy(5*time.Second, 1000) // 400 s
			l.run(`< CON EMPTY #a t= @27100ms..27100ms`)
		})
	})
}

// busy has the peer send that many messages of 0.4 s at once, that much later.
func (l *ladder) busy(later time.Duration, messages int) {
	time.Sleep(later) // virtual
	for range messages {
		l.send("ACK EMPTY #7777 t=")
	}
}

// TestMessagesLeaveWithTheirGap: of a link for single messages the rate is not known,
// but how soon it takes the next one.
func TestMessagesLeaveWithTheirGap(t *testing.T) {
	cfg := tenBytes()
	cfg.Profile.RateUp, cfg.Profile.RateDown, cfg.Profile.MinGap = 0, 0, 40*time.Second
	play(t, cfg, `
		> CON EMPTY #0001 t=
		< RST EMPTY #0001 t=
		> CON EMPTY #0002 t=
		> CON EMPTY #0003 t=
		< RST EMPTY #0002 t= @39990ms..39990ms
		< RST EMPTY #0003 t= @40s..40s
	`)
	e := newEstimator(newTerms(&cfg))
	p := cfg.Profile
	gaps := 3*p.MinGap + 2*p.OneWayDelay
	assert.GreaterOrEqual(t, e.residual(), gaps)
	assert.Nil(t, newEstimator(&terms{profile: &link.Profile{RateUp: 80}, side: SideFar}), "one direction is not known")
}
