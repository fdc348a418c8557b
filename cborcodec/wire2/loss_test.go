package wire2

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/dialect"
)

// flight is an exchange under way.
type flight struct {
	request  dialect.Request
	payload  []byte
	exchange *Exchange
	call     *Call
	answer   string
	response []byte
}

// TestLastOverLoss: whatever is lost, late, or under way at the same time, the room and the event
// that were spoken of last are the same for both ends: each request and each answer comes out as
// it went in. So they do when the server is restarted and has lost all.
func TestLastOverLoss(t *testing.T) {
	terms := defaults()
	terms.Policy = coder.Policy{} // what that does is tested elsewhere
	overLoss(t, terms, 40, 1500)
}

// TestStyleOverLoss: the same of how the client writes. A coder that expects another style
// than the other end makes other bytes of the code.
func TestStyleOverLoss(t *testing.T) { overLoss(t, defaults(), 5, 1000) }

// paths and transactions are how clients write.
var (
	paths        = []string{"!room%d:example.org", "!room%d%%3Aexample.org", "%%21room%d%%3Aexample.org"}
	transactions = []string{"m17000000%05d.%d", "17000000%05d__inc%d", "mautrix-go_17000000%05d123456_%d", "24cd3df5-56c8-41ac-bf49-a449%05d19%d"}
)

func overLoss(t *testing.T, terms Terms, seeds uint64, steps int) {
	f := format(t)
	for seed := range seeds {
		chance := rand.New(rand.NewPCG(seed, 1))
		client, server, lives := f.NewClient(terms), f.NewServer(terms, 0), uint32(0)
		now := time.Unix(1700000000, 0)
		room := func() string { return fmt.Sprintf("!room%d:example.org", chance.IntN(4)) }
		event := func() string { return fmt.Sprintf("$%042dw", chance.IntN(12)) }
		var flights []*flight
		read, lost := 0, 0
		for range steps {
			now = now.Add(time.Duration(chance.IntN(3000)) * time.Millisecond)
			if chance.IntN(200) == 0 {
				lives++
				server = f.NewServer(terms, lives)
				flights = slices.DeleteFunc(flights, func(x *flight) bool {
					lost := x.call != nil && x.response == nil
					if lost {
						x.exchange.GiveUp(now)
					}
					return lost
				})
			}
			if len(flights) == 0 || len(flights) < 4 && chance.IntN(3) == 0 {
				x := &flight{answer: `{}`}
				x.request = dialect.Request{Method: "POST", Target: "/_matrix/client/v3/rooms/" + room() + "/receipt/m.read/" + event(), Body: []byte("{}")}
				switch chance.IntN(3) {
				case 0:
					x.request = dialect.Request{Method: "GET", Target: fmt.Sprintf("/_matrix/client/v3/sync?since=s%d_1", chance.IntN(50))}
					x.answer = fmt.Sprintf(`{"next_batch":"s%d_1","rooms":{"join":{"%s":{"timeline":{"events":[{"event_id":"%s"}]}}}}}`, chance.IntN(50), room(), event())
				case 1:
					x.request.Method = "PUT"
					room := fmt.Sprintf(paths[chance.IntN(len(paths))], chance.IntN(4))
					id := fmt.Sprintf(transactions[chance.IntN(len(transactions))], chance.IntN(100000), chance.IntN(9))
					x.request.Target = "/_matrix/client/v3/rooms/" + room + "/send/m.reaction/" + id
					x.request.Body = []byte(`{"m.relates_to":{"event_id":"` + event() + `"}}`)
					x.answer = `{"event_id":"` + event() + `"}`
				}
				var err error
				x.payload, x.exchange, err = client.Request(nil, &x.request, now)
				require.NoError(t, err)
				flights = append(flights, x)
				continue
			}
			i := chance.IntN(len(flights))
			x := flights[i]
			switch {
			case chance.IntN(6) == 0: // nobody waits any longer, and what is under way is lost
				x.exchange.GiveUp(now)
				lost++
			case x.call == nil:
				x.call = server.Admit(0)
				var got dialect.Request
				if err := x.call.Request(&got, x.payload); err != nil {
					require.ErrorIs(t, err, ErrState)
					x.response = Unknown()
					continue
				}
				require.Equal(t, x.request, got, "seed %d", seed)
				x.exchange.Arrived()
				continue
			case x.response == nil:
				var err error
				x.response, err = x.call.Response([]byte{}, []byte(x.answer), 200)
				require.NoError(t, err)
				continue
			default:
				json, _, err := x.exchange.Response(nil, x.response, 200)
				if !errors.Is(err, ErrUnknown) {
					require.NoError(t, err)
					require.Equal(t, x.answer, string(json), "seed %d", seed)
					read++
				}
			}
			flights = append(flights[:i], flights[i+1:]...)
		}
		require.Greater(t, read, 100, "seed %d: %d lost", seed, lost)
		require.Greater(t, lost, 50)
	}
}
