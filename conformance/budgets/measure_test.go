package budgets

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/operations"
)

// measure runs an operation in a world of its own and returns what it cost, the
// datagrams that follow its answer included.
func measure(t *testing.T, s setting, op operations.Operation) (c cost) {
	homeserver := &replay{t: t, foreign: s.foreign}
	inWorld(t, s, homeserver, func(w *world) {
		client, stop := w.client()
		run := func(client http.Handler, exchanges []operations.Exchange) {
			for _, e := range exchanges {
				homeserver.expect(e)
				send(w.t, client, e)
			}
			w.settle()
		}
		if op.Begin != operations.Cold {
			run(client, warmup(w.t, s, op))
		}
		if op.Begin == operations.Restarted {
			require.NoError(w.t, stop())
			client, stop = w.client()
		}
		w.count.reset()
		run(client, op.Exchanges)
		c = w.count.read()
		require.NoError(w.t, stop())
	})
	return c
}

// warmup is what goes over a session before an operation: in version 2, where both ends
// remember, also what the client has done by then.
func warmup(t *testing.T, s setting, op operations.Operation) []operations.Exchange {
	exchanges, err := operations.Warmup()
	require.NoError(t, err)
	if s.version != "2" {
		return exchanges
	}
	again := exchanges[len(exchanges)-1]
	for _, name := range op.After {
		exchanges = append(exchanges, operation(t, name).Exchanges[0])
	}
	return append(exchanges, again)
}

// operation returns the operation of that name.
func operation(t *testing.T, name string) operations.Operation {
	all, err := operations.All()
	require.NoError(t, err)
	for _, op := range all {
		if op.Name == name {
			return op
		}
	}
	require.FailNow(t, "no operation", name)
	return operations.Operation{}
}

// r0 is the operation under its /r0/ paths.
func r0(op operations.Operation) operations.Operation {
	var exchanges []operations.Exchange
	for _, e := range op.Exchanges {
		e.Request.URI = strings.Replace(e.Request.URI, "/v3/", "/r0/", 1)
		exchanges = append(exchanges, e)
	}
	op.Exchanges = exchanges
	return op
}
