package dialer

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/dtls"
)

// TestRenew: an address and a key that were changed count from the next session on.
func TestRenew(t *testing.T) {
	first := &dtls.Config{Identity: "first"}
	d := &Dialer{Routes: UDP(nil, "192.0.2.1:1"), Security: first}
	_, security := d.peer()
	assert.Same(t, first, security)
	d.Renew(UDP(nil, "192.0.2.2:2"), &dtls.Config{Identity: "other"})
	find, security := d.peer()
	assert.Equal(t, "other", security.Identity)
	routes, err := find(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "192.0.2.2:2", routes[0].Peer.String())
}

func TestWithPort(t *testing.T) {
	for address, want := range map[string]string{
		"gw.example": "gw.example:5684", "gw.example:1": "gw.example:1", "192.0.2.1": "192.0.2.1:5684",
		"[2001:db8::1]": "[2001:db8::1]:5684", "2001:db8::1": "[2001:db8::1]:5684", "[2001:db8::1]:7": "[2001:db8::1]:7",
	} {
		assert.Equal(t, want, WithPort(address, Port))
	}
}
