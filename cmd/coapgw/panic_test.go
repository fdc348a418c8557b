package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/dtls/dialer"
	"github.com/coapgw/coapgw/internal/gateway"
)

// TestEquip: what reads datagrams of the link, of the start and of each reload, drops what
// panics.
func TestEquip(t *testing.T) {
	t.Setenv("COAPGW_PANIC", "")
	security, meter := &dtls.Config{Identity: "boat"}, &dtls.Meter{}
	equip(security, []string{"192.0.2.1"}, &gateway.State{}, meter)
	assert.True(t, security.Recover)
	assert.Same(t, meter, security.Meter)
	assert.Nil(t, security.Store)
	assert.Equal(t, dialer.SessionName([]string{"192.0.2.1"}, "boat"), security.SessionName)
}

// Sessions alone end in use; make test sees programs end.
func TestRecovers(t *testing.T) {
	t.Setenv("COAPGW_PANIC", "")
	assert.True(t, recovers())
	t.Setenv("COAPGW_PANIC", "exit")
	assert.False(t, recovers())
	text, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	assert.Contains(t, string(text), "\nexport COAPGW_PANIC := exit\n")
}
