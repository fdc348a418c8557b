package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// cost is what crossed the link, UDP payload.
type cost struct{ up, down, datagrams int }

func costOf(air []linkemu.Packet) (c cost) {
	for _, p := range air {
		if p.Up {
			c.up += len(p.Payload)
		} else {
			c.down += len(p.Payload)
		}
		c.datagrams++
	}
	return c
}

// overDTLS puts an ordinary pair in the place of the station's.
func (w *clearWorld) overDTLS() {
	w.t.Helper()
	require.NoError(w.t, w.transport.Close())
	w.stopServer()
	hs, err := url.Parse("http://hs.example")
	require.NoError(w.t, err)
	key := []byte(strings.Repeat("k", 16))
	w.run(&Station{
		Handler: NewServe(ServeOptions{Homeserver: hs, Transport: inprocess.Transport{Handler: w.hs}}), Profile: link.Default(),
		Security: &dtls.Config{Keys: func(string) ([]byte, bool) { return key, true }},
	})
	d := &Dialer{
		Routes: emulatedRoute(w.link, "192.0.2.9:1000"), Profile: w.profile,
		Security: &dtls.Config{Identity: "k3x9Qm2T", Key: key},
	}
	w.transport = &coap.Transport{Dial: d.Dial, Profile: w.profile}
	w.web = NewConnect(ConnectOptions{Transport: w.transport})
	w.takeAir()
}

// What a message costs is in docs/integrity.md, beside what it costs over DTLS.
func TestClearCost(t *testing.T) {
	var rows []string
	for _, mode := range []string{"integrity", "DTLS"} {
		inClearWorld(t, "default", func(t *testing.T, w *clearWorld) {
			room := w.direct(string(w.station.Token), http.MethodPost, "/createRoom", map[string]any{}).body["room_id"].(string)
			token := w.login()
			if mode == "DTLS" {
				token = string(w.station.Token)
				w.overDTLS()
			} else {
				require.NoError(t, w.transport.Close())
				require.NoError(t, w.clientStore.Commit(map[string][]byte{"integrity/name/x/secrets": nil}))
				w.startClient()
				w.takeAir()
			}
			send := func(n int) cost {
				path := fmt.Sprintf("/rooms/%s/send/m.room.message/m17000000000%02d", room, n)
				res := w.ask(w.web, token, http.MethodPut, path, map[string]any{"msgtype": "m.text", "body": "hello world"})
				require.Equal(t, http.StatusOK, res.status, res.body)
				return costOf(w.takeAir())
			}
			first, next := send(1), send(2)
			rows = append(rows, fmt.Sprintf("| %s | %d / %d / %d | %d / %d / %d |", mode,
				first.up, first.down, first.datagrams, next.up, next.down, next.datagrams))
		})
	}
	doc, err := os.ReadFile("../../docs/integrity.md")
	require.NoError(t, err)
	documented := regexp.MustCompile(`(?m)^\| (integrity|DTLS) \|.*$`).FindAllString(string(doc), -1)
	assert.Equal(t, documented, rows)
}
