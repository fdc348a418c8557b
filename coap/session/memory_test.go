package session_test

import (
	"testing"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/conformance/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t, func() session.Store { return &session.Memory{} })
}
