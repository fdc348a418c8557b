package profiles

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/link"
)

// stock are the parameters that RFC 7252 §4.8 and RFC 6347 §4.2.4.1 propose, with
// the time that DTLS libraries allow a handshake.
func stock() link.Profile {
	p := link.Default()
	p.NStart = 1
	p.HandshakeTimeout = 30 * time.Second
	return p
}

// TestStockParametersFail shows that the links are as hard as their profiles claim:
// without them two thirds do not carry the session, or carry much of it twice; and a
// sender that does not know a rate finds it as TCP does, by losing what is too much. On
// the others rates and round trips are those that the RFCs were made for.
func TestStockParametersFail(t *testing.T) {
	for _, tt := range []struct {
		profile string
		failed  string // the step; empty if the session came to its end
		faults  []string
	}{
		{"leo-broadband", "", nil},
		{"geo-vsat", "", nil},
		{"bgan", "", []string{flights}},
		{"certus100", "", []string{dropped}},
		{"iridium-2400", "sync", []string{flights, oversize, twice}},
		{"gprs", "", []string{dropped}},
		{"nbiot-ce2", "", []string{dropped, flights, twice}},
		{"sixlowpan", "", []string{dropped}},
		{"meshtastic-lf", "sync", []string{flights, oversize, twice}},
		{"vhf-ax25-1200", "sync", []string{flights, oversize, twice}},
		{"hf-s5066-2400", "", []string{dropped, flights, twice}},
		{"hf-s5066-75", "connect", []string{flights}},
		{"hf-vara500", "connect", []string{flights}},
		{"fosdem-100bps", "connect", []string{flights}},
		{"leo-pass", "sync", []string{flights, oversize, twice}},
		{"iridium-sbd", "connect", []string{flights}},
	} {
		t.Run(tt.profile, func(t *testing.T) {
			p, ok := link.ByName(tt.profile)
			assert.True(t, ok)
			o := run(t, p, stock(), lossless)
			var step *stepError
			if errors.As(o.failed, &step) {
				assert.Equal(t, tt.failed, step.step, o.failed)
			} else {
				assert.Empty(t, tt.failed)
			}
			assert.ElementsMatch(t, tt.faults, slices.Collect(maps.Keys(o.faults)))
		})
	}
}
