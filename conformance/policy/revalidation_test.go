package policy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/fakehs"
)

// model is unpacked once; a format belongs to one bubble of virtual time.
var model = sync.OnceValues(coder.Shipped)

func version2() *coap.Version2 {
	m, err := model()
	if err != nil {
		panic(err)
	}
	return &coap.Version2{Format: wire2.NewFormat(m, 2), Home: func() string { return "localhost" }}
}

// asked is what an answer costs the first time, when it is asked for again without a
// policy, and when it is revalidated; bytes up and down.
type asked struct{ first, again, valid int }

// TestRevalidation measures what asking costs whether an answer still holds.
func TestRevalidation(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| answer | JSON | version 1: first | again | revalidated | version 2: first | again | revalidated |\n|---|---|---|---|---|---|---|---|\n")
	for _, what := range []struct{ name, path string }{
		{"versions", "/_matrix/client/versions"},
		{"capabilities", v3 + "/capabilities"},
		{"push rules", v3 + "/pushrules/"},
		{"a profile", v3 + "/profile/@alice:localhost"},
	} {
		var costs [2]asked
		size := 0
		for version := range costs {
			for _, off := range []bool{true, false} {
				first, again := 0, 0
				first, again, size = askTwice(t, version+1, off, what.path)
				costs[version].first = first
				if off {
					costs[version].again = again
				} else {
					costs[version].valid = again
				}
			}
			assert.LessOrEqual(t, costs[version].valid, 88+80, "%s: packets of up to 88 bytes up and 80 down", what.name)
			assert.Less(t, costs[version].valid, costs[version].first, what.name)
		}
		fmt.Fprintf(&b, "| %s | %d |", what.name, size)
		for _, c := range costs {
			fmt.Fprintf(&b, " %d | %d | %d |", c.first, c.again, c.valid)
		}
		b.WriteString("\n")
	}
	compare(t, "revalidation", b.String()+"\n")
}

// askTwice returns the bytes of asking for an answer, and for the same a day later.
func askTwice(t *testing.T, version int, off bool, path string) (first, again, size int) {
	p := profile(t, "hf-vara500")
	cfg := virtual.Config{Client: p, Link: clean(p)}
	if version == 2 {
		cfg.Version2 = version2
	}
	hs := &fakeHome{}
	cfg.Homeserver = hs
	virtual.Run(t, cfg, func(pair *virtual.Pair) {
		t := pair.T
		hs.Transport = inprocess.Transport{Handler: fakehs.New(fakehs.Config{Seed: 1})}
		alice := register(t, hs, "alice")
		alice.want("PUT", v3+"/profile/@alice:localhost/displayname", `{"displayname":"Alice on the Albatross"}`)
		count := &counter{}
		pair.Link.Tap(count.packet)
		client := &policy.Transport{Base: pair.Transport, Profile: p, Off: off}
		defer client.Close()
		get := func(path string) (bytes int, text string) {
			up, down := count.read()
			resp, err := client.RoundTrip(newRequest(t, http.MethodGet, path, alice.token, "", ""))
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			time.Sleep(time.Minute)
			nowUp, nowDown := count.read()
			return nowUp - up + nowDown - down, string(body)
		}
		get(v3 + "/account/whoami") // the two meet
		var text, same string
		first, text = get(path)
		time.Sleep(25 * time.Hour)
		get(v3 + "/account/whoami") // and are awake
		again, same = get(path)
		assert.Equal(t, text, same)
		size = len(text)
	})
	return first, again, size
}
