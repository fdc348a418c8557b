package coap

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/coapgw/coapgw/coap/endpoint"
)

func TestBegunRequests(t *testing.T) {
	now := time.Unix(1e9, 0)
	one, two := endpoint.Fingerprint{1}, endpoint.Fingerprint{2}
	b := begunRequests{{fingerprint: one, at: now, earlier: true}}
	assert.False(t, b.add(one, now.Add(time.Minute), time.Hour), "begun in an earlier life")
	assert.True(t, b.add(two, now, time.Hour))
	assert.True(t, b.add(two, now, time.Hour), "in this life the message layer knows duplicates")
	assert.True(t, b.add(one, now.Add(2*time.Hour), time.Hour), "nobody repeats it any more")

	for i := range 3 * maxBegun {
		b.add(endpoint.Fingerprint{3, byte(i)}, now, time.Hour)
	}
	assert.Len(t, b, maxBegun)
	assert.Equal(t, endpoint.Fingerprint{3, byte(2 * maxBegun)}, b[0].fingerprint)
}
