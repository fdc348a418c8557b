package realtime

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

const (
	// outage is how long the link is gone.
	outage = time.Minute
	// rebinding is how often the link then shows the client at another address.
	rebinding = 5 * time.Second
)

// TestOutage takes the link away for a minute and brings it back with another
// address for the client every few seconds. Half-way a message is sent and a long-poll
// begins. The conversation goes on in the session that there was: the server knows
// its client by Connection ID (RFC 9146), not by address.
func TestOutage(t *testing.T) {
	t.Parallel()
	p, ok := planOf("geo-vsat")
	require.True(t, ok)
	ctx, cancel := context.WithTimeout(t.Context(), p.deadline)
	defer cancel()
	w := openWay(ctx, t, "outage", p.profile)
	s := newSession(ctx, t, p, w)
	s.live(ctx, (*session).contact, (*session).login, (*session).setFilter, (*session).join, (*session).send, (*session).receive)

	addr, before := w.relay.Addr(), w.relay.Pcap()
	w.stopRelay(t)
	time.Sleep(outage / 2)
	const text = "barely"
	heard := s.say(ctx, s.bob.user, "can you hear me?")
	sent, received := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.alice.SendText(ctx, s.ship, text)
		sent <- err
	}()
	go func() { received <- s.alice.awaitEvent(ctx, heard) }()
	time.Sleep(outage / 2)
	w.startRelay(ctx, t, pair.RelayConfig{Name: "link-again", Profile: p.profile, Listen: addr, Rebind: rebinding})
	s.log.step("send in the outage", func() error { return <-sent })
	s.log.step("receive in the outage", func() error { return <-received })
	s.sent, s.heard = append(s.sent, text), append(s.heard, heard)

	for end := time.Now().Add(4 * rebinding); time.Now().Before(end); {
		s.send(ctx)
		s.receive(ctx)
	}
	after := w.relay.Pcap()
	w.stopConnect(t)
	stats := w.stopRelay(t)
	assert.Positive(t, handshakes(w.read(t, before)))
	assert.Zero(t, handshakes(w.read(t, after)), "a new handshake")
	s.verify(ctx)
	// Whom nobody reaches is heard of again when it breaks its silence. This is no measure of speed, which
	// TestLiveness of conformance/push takes in virtual time, but tells who waits for a timer instead.
	profile, ok := link.ByName(p.profile)
	require.True(t, ok)
	assert.Less(t, s.log.longest, 2*profile.KeepAlive, "somebody waited, though the link was there")
	s.log.done("outage on "+p.profile, s.alice.gaveUp.Load(), stats)
}
