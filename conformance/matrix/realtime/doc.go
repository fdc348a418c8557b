// Package realtime shows the gateway over links as slow as they are: mautrix-go
// talks through the processes coapgw connect, coapgw link and coapgw serve to
// Dendrite, while another user is at the homeserver directly. The client waits no
// longer than clients do, gives up and asks again; what it saw in the end is
// compared with what the homeserver says.
//
// TestClients lets two clients as people have them talk over each link, mautrix with a
// syncer of its own and matrix-js-sdk, and measures what an idle minute costs after it.
//
// The links run side by side, for nearly all of the time is spent waiting. Run
// them, with the time that each step took, by
//
//	go test -tags goolm -v ./realtime
//
// or links of 300 bit/s and less, a shorter session that takes hours, by
//
//	go test -tags goolm -v -timeout 0 -run TestSession ./realtime -profiles hf-vara500,hf-s5066-75
//
// and an hour of talk, into docs/clients.md, by
//
//	go test -tags goolm -v -timeout 0 -run TestClients ./realtime -duration 1h -idle 10m -update
package realtime
