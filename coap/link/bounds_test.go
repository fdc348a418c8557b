package link

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDefaultBoundsGrantEveryProfile(t *testing.T) {
	for _, name := range Names() {
		p, _ := ByName(name)
		granted, changed := DefaultBounds().Clamp(p)
		assert.False(t, changed, name)
		assert.Equal(t, p, granted)
	}
}

// TestBoundsOfGrantFasterLinks: a link that waits no longer than the slowest is
// granted.
func TestBoundsOfGrantFasterLinks(t *testing.T) {
	refused := func(name string) (names []string) {
		slowest, ok := ByName(name)
		require.True(t, ok)
		for _, p := range Profiles() {
			if _, changed := BoundsOf(slowest).Clamp(p); changed {
				names = append(names, p.Name)
			}
		}
		return names
	}
	assert.Equal(t, []string{"hf-s5066-75", "leo-pass", "iridium-sbd"}, refused("hf-vara500"))
	assert.Equal(t, []string{"leo-pass", "iridium-sbd"}, refused("hf-s5066-75"))
	assert.Equal(t, []string{"iridium-sbd"}, refused("leo-pass"))
}

func TestClamp(t *testing.T) {
	for _, tt := range []struct {
		name      string
		slowest   string
		told, got string
	}{
		{"a flood", "geo-vsat", "base=leo-broadband,ack-timeout=100ms,nstart=64,rate-up=1e12,rate-down=1e12", "base=leo-broadband,ack-timeout=1s,nstart=8,rate-up=1e9,rate-down=1e9"},
		{"large datagrams", "geo-vsat", "mtu=9000,mtu-down=60000", "mtu=2048,mtu-down=2048"},
		{"one direction", "geo-vsat", "mtu-up=9000", "mtu-up=2048"},
		{"days", "geo-vsat", "ack-timeout=24h,max-retransmit=12,ack-random-factor=4,max-latency=24h", "ack-timeout=34.875s,max-retransmit=0,ack-random-factor=4,max-latency=106.0625s"},
		{"repeated for long", "hf-vara500", "base=hf-vara500,max-retransmit=12", "base=hf-vara500"},
		{"a network that keeps datagrams", "geo-vsat", "max-latency=200s", "max-retransmit=0,max-latency=122.5s"},
		{"room for fewer retransmissions", "gprs", "ack-timeout=20s", "ack-timeout=20s,max-retransmit=1"},
	} {
		slowest, ok := ByName(tt.slowest)
		require.True(t, ok)
		told, err := Parse(tt.told)
		require.NoError(t, err, tt.name)
		want, err := Parse(tt.got)
		require.NoError(t, err, tt.name)
		want.Name = told.Name
		got, changed := BoundsOf(slowest).Clamp(told)
		assert.Equal(t, want, got, tt.name)
		assert.True(t, changed)
	}
}

// TestClampKeepsTheBounds: whatever a client tells, the server's times are within
// what its operator grants, what the link is stays as it is, and what was granted is
// granted again.
func TestClampKeepsTheBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slowest, _ := ByName(rapid.SampledFrom(Names()).Draw(t, "slowest"))
		b := BoundsOf(slowest)
		p := valid().Draw(t, "told")
		q, changed := b.Clamp(p)
		require.Equal(t, changed, q != p)
		require.LessOrEqual(t, q.MaxTransmitWait(), b.MaxTransmitWait)
		require.LessOrEqual(t, q.ExchangeLifetime(), b.ExchangeLifetime)
		require.GreaterOrEqual(t, q.AckTimeout, b.AckTimeout)
		require.LessOrEqual(t, max(q.MaxDatagram(true), q.MaxDatagram(false)), b.Datagram)
		require.NoError(t, q.ranges())
		link := func(p Profile) []any {
			return []any{p.HalfDuplex, p.Turnaround, p.OneWayDelay, p.Jitter, p.BlockSize, p.MinGap, p.EmptyAckDelay}
		}
		require.Equal(t, link(p), link(q))
		_, changed = b.Clamp(q)
		require.False(t, changed)
		// The client confines itself by what it hears of the server.
		mine, _ := BoundsOf(q).Clamp(p)
		require.LessOrEqual(t, mine.MaxTransmitSpan()+mine.MaxLatency, max(q.ExchangeLifetime(), Default().ExchangeLifetime()))
	})
}

func TestDefaultBounds(t *testing.T) {
	b := DefaultBounds()
	assert.Equal(t, 11340*time.Second, b.MaxTransmitWait, "of iridium-sbd")
	assert.Equal(t, 16005*time.Second, b.ExchangeLifetime, "of leo-pass")
}
