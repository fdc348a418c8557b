package mobile

import (
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
)

var update = flag.Bool("update", false, "writes what TestCosts measures into docs/embedding-mobile.md")

// TestCosts measures what an app's life costs on the link, in whole IPv4 packets, and holds the
// table in the document to it.
func TestCosts(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	dir := t.TempDir()
	var table strings.Builder
	table.WriteString("\n| what | bytes up / down | datagrams |\n|---|---|---|\n")
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		alice, bob := w.person("alice"), w.person("bob")
		room := w.room(alice, bob)
		cost := func(what string, f func()) {
			t.Helper()
			synctest.Wait()
			up, down := w.up.bytes.Load(), w.down.bytes.Load()
			n, m := w.up.datagrams.Load(), w.down.datagrams.Load()
			f()
			time.Sleep(5 * time.Second) // acknowledgements
			fmt.Fprintf(&table, "| %s | %d / %d | %d + %d |\n", what,
				w.up.bytes.Load()-up, w.down.bytes.Load()-down, w.up.datagrams.Load()-n, w.down.datagrams.Load()-m)
		}
		g := w.gateway(dir)
		whoami := func() {
			t.Helper()
			require.EqualValues(t, http.StatusOK, ask(t, g, "GET", "account/whoami", bob.token, nil, nil))
		}
		asleep := func() {
			t.Helper()
			time.Sleep(time.Minute)
			require.NoError(t, g.Suspend(0))
			time.Sleep(time.Hour)
			require.NoError(t, g.Resume())
		}
		cost("the first request ever, `whoami`, with its handshake", whoami)
		cost("`whoami` again", whoami)
		cost("`NetworkChanged`, nothing waits", g.NetworkChanged)
		asleep()
		cost("after a sleep: `whoami`", whoami)
		cost("again", whoami)
		require.NoError(t, g.Suspend(0))
		g = w.gateway(dir)
		cost("after the death of the process: `whoami`", whoami)

		reads := &reader{person: bob}
		sync := func(timeout int) func() {
			return func() {
				t.Helper()
				_, err := reads.sync(g, timeout)
				require.NoError(t, err)
			}
		}
		cost("the first sync: one room of two", sync(0))
		cost("a poll that waits for news, and finds none", sync(30_000))
		cost("an hour of such polls", func() {
			for began := time.Now(); time.Since(began) < time.Hour; {
				sync(30_000)()
			}
		})
		asleep()
		cost("after a sleep, nothing new: a poll", sync(30_000))
		cost("an hour of sleep", asleep)
		w.say(alice, bob, room, 0)
		seen := len(reads.texts)
		cost("after a sleep: a poll that finds a message and a to-device message", func() {
			for len(reads.texts) == seen {
				sync(30_000)()
			}
		})
		poll := begin(g, newRequest("GET", "sync?timeout=600000&since="+reads.since, bob.token, nil))
		time.Sleep(time.Minute)
		cost("`NetworkChanged`, a poll waits", g.NetworkChanged)
		require.NoError(t, g.Suspend(0))
		<-poll
	})
	golden.WrittenBy("../docs/embedding-mobile.md", "costs", "go test ./mobile -run TestCosts -update").Hold(t, table.String()+"\n", *update)
}
