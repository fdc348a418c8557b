package mobile

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/session/boltstore"
)

// inWorld runs f in virtual time, with and without a directory for state.
func inWorld(t *testing.T, f func(t *testing.T, w *world, dir string)) {
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprintf("stored=%t", stored), func(t *testing.T) {
			dir := ""
			if stored {
				dir = t.TempDir()
			}
			synctest.Test(t, func(t *testing.T) { f(t, newWorld(t), dir) })
		})
	}
}

// clientCode is what runs for a client and for no server.
var clientCode = regexp.MustCompile(`coapgw/(client|mobile)\.\(|coapgw/coap\.\(\*(Transport|session)\)|coap/observe\.\(\*Syncer\)|coapgw/dtls\.\(\*clientLink\)`)

// goroutines returns those that run for a client, but for that of the test and those of the
// homeserver.
func goroutines() (running []string) {
	buf := make([]byte, 1<<20)
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if clientCode.MatchString(g) && !strings.Contains(g, "mobile.goroutines") && !strings.Contains(g, "gateway.(*Serve)") {
			running = append(running, g)
		}
	}
	return running
}

// TestSuspendIsSilent: whatever was under way, after Suspend no socket is open, no goroutine
// runs, and nothing leaves for a day; the state is there for another process.
func TestSuspendIsSilent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, dir string) {
		w.front = func(rw http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/slow") {
				<-r.Context().Done()
				return true
			}
			return false
		}
		alice, bob := w.person("alice"), w.person("bob")
		room := w.room(alice, bob)
		g := w.gateway(dir)
		reads := &reader{person: bob}
		_, err := reads.sync(g, 0)
		require.NoError(t, err)
		polled := begin(g, newRequest("GET", "sync?timeout=600000&since="+reads.since, bob.token, nil))
		slow := begin(g, newRequest("GET", "slow", bob.token, nil))
		time.Sleep(10 * time.Second)
		assert.NotEmpty(t, goroutines(), "the test knows what runs")
		require.Equal(t, 1, w.openSockets())

		require.NoError(t, g.Suspend(0))
		assert.ErrorContains(t, (<-polled).err, ErrorSuspended+": ")
		assert.ErrorContains(t, (<-slow).err, ErrorSuspended+": ")
		synctest.Wait()
		assert.Empty(t, goroutines())
		assert.Zero(t, w.openSockets())
		sent := w.up.datagrams.Load()
		if dir != "" {
			other, err := boltstore.LoadKey(filepath.Join(dir, keyFile))
			require.NoError(t, err)
			store, err := boltstore.Open(filepath.Join(dir, stateFile), other)
			require.NoError(t, err, "it is locked")
			require.NoError(t, store.Close())
		}
		for n := range 24 {
			time.Sleep(time.Hour)
			w.say(alice, bob, room, n)
		}
		assert.Equal(t, sent, w.up.datagrams.Load())
		assert.Empty(t, goroutines())
		assert.Equal(t, StateSuspended, g.Status().State)
	})
}

// TestResume: after a sleep, and after the death of the process, the next request costs what it
// costs, and no handshake.
func TestResume(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, dir string) {
		bob := w.person("bob")
		g := w.gateway(dir)
		require.EqualValues(t, http.StatusOK, ask(t, g, "GET", "account/whoami", bob.token, nil, nil))
		shaken := w.handshakes.Load()
		require.NotZero(t, shaken)
		for n := range 3 {
			require.NoError(t, g.Suspend(0))
			time.Sleep(time.Duration(n+1) * 10 * time.Hour)
			before := w.up.datagrams.Load()
			require.NoError(t, g.Resume())
			synctest.Wait()
			assert.Equal(t, before, w.up.datagrams.Load(), "Resume alone sends nothing")
			require.EqualValues(t, http.StatusOK, ask(t, g, "GET", "account/whoami", bob.token, nil, nil))
			assert.Equal(t, before+1, w.up.datagrams.Load())
			assert.Equal(t, shaken, w.handshakes.Load())
			assert.EqualValues(t, n+1, g.Status().Resumed)
			assert.EqualValues(t, 1, g.Status().Handshakes)
		}
		if dir == "" {
			return
		}
		require.NoError(t, g.Suspend(0)) // and there the process dies
		before := w.up.datagrams.Load()
		next := w.gateway(dir)
		require.EqualValues(t, http.StatusOK, ask(t, next, "GET", "account/whoami", bob.token, nil, nil))
		assert.Equal(t, before+1, w.up.datagrams.Load())

		// It dies while it is awake: what is on the disk at this moment is all that is left.
		dead := t.TempDir()
		copyState(t, dir, dead)
		last := w.gateway(dead)
		require.EqualValues(t, http.StatusOK, ask(t, last, "GET", "account/whoami", bob.token, nil, nil))
		assert.Equal(t, shaken, w.handshakes.Load())
	})
}

// TestPushGoesOn: what happens during a sleep, and during the death of the process, comes
// afterwards, once and in order, to-device messages too.
func TestPushGoesOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, dir string) {
		alice, bob := w.person("alice"), w.person("bob")
		room := w.room(alice, bob)
		g := w.gateway(dir)
		reads := &reader{person: bob}
		_, err := reads.sync(g, 0)
		require.NoError(t, err)
		var texts, tells []string
		said := 0
		say := func(n int) {
			for range n {
				w.say(alice, bob, room, said)
				texts, tells = append(texts, fmt.Sprint("text ", said)), append(tells, fmt.Sprint("secret ", said))
				said++
				time.Sleep(10 * time.Second)
			}
		}
		catchUp := func() {
			t.Helper()
			for range 50 {
				if len(reads.texts) >= len(texts) && len(reads.tells) >= len(tells) {
					break
				}
				_, err := reads.sync(g, 30_000)
				require.NoError(t, err)
			}
			_, err := reads.sync(g, 30_000) // nothing comes twice
			require.NoError(t, err)
			require.Equal(t, texts, reads.texts)
			require.Equal(t, tells, reads.tells)
		}
		say(2)
		catchUp()
		shaken := w.handshakes.Load()
		for range 3 {
			say(2)
			poll := newRequest("GET", "sync?timeout=600000&since="+reads.since, bob.token, nil)
			ended := begin(g, poll)
			require.NoError(t, g.Suspend(0))
			<-ended // what it brought, if anything, is lost with its client: it comes again
			say(3)
			time.Sleep(time.Hour)
			if dir != "" {
				g = w.gateway(dir) // the process has died
			} else {
				require.NoError(t, g.Resume())
			}
			catchUp()
		}
		assert.Equal(t, shaken, w.handshakes.Load())
	})
}

// TestNetworkChanged: a request under way when the network changes is answered, and done once,
// on a new socket, without a handshake. The network before takes what is on its way with it.
func TestNetworkChanged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, dir string) {
		entered, finish := make(chan struct{}), make(chan struct{})
		w.front = func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut {
				close(entered)
				<-finish
			}
			return false
		}
		alice, bob := w.person("alice"), w.person("bob")
		room := w.room(alice, bob)
		g := w.gateway(dir)
		require.EqualValues(t, http.StatusOK, ask(t, g, "GET", "account/whoami", bob.token, nil, nil))
		shaken, old := w.handshakes.Load(), w.last()
		sent := begin(g, newRequest("PUT", sendPath(room, "t1"), bob.token, text("ahoy")))
		<-entered
		old.away.Store(true)
		g.NetworkChanged()
		synctest.Wait()
		assert.True(t, old.closed.Load())
		assert.NotSame(t, old, w.last())
		assert.Equal(t, 1, w.openSockets())
		close(finish)
		got := <-sent
		require.NoError(t, got.err)
		assert.EqualValues(t, http.StatusOK, got.resp.Status)
		assert.EqualValues(t, 1, w.came("/_matrix/client/v3/rooms/"+room+"/send/m.room.message/t1"))
		assert.Equal(t, shaken, w.handshakes.Load())

		// While nothing waits it costs nothing.
		time.Sleep(time.Hour)
		before := w.up.datagrams.Load()
		g.NetworkChanged()
		time.Sleep(time.Hour)
		assert.Equal(t, before, w.up.datagrams.Load())

		// Before the answer to a poll, it is told where to send it.
		reads := &reader{person: bob}
		_, err := reads.sync(g, 0)
		require.NoError(t, err)
		poll := begin(g, newRequest("GET", "sync?timeout=600000&since="+reads.since, bob.token, nil))
		time.Sleep(time.Minute)
		w.last().away.Store(true)
		g.NetworkChanged()
		time.Sleep(10 * time.Second)
		w.say(alice, bob, room, 1)
		began := time.Now()
		require.NoError(t, (<-poll).err)
		assert.Less(t, time.Since(began), 10*time.Second)
		assert.Equal(t, shaken, w.handshakes.Load())
	})
}

// TestSuspendWaits: what is under way may finish, unless somebody wants the gateway back.
func TestSuspendWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		finish := make(chan struct{})
		w.front = func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut {
				<-finish
			}
			return false
		}
		alice, bob := w.person("alice"), w.person("bob")
		room := w.room(alice, bob)
		g := w.gateway("")
		reads := &reader{person: bob}
		_, err := reads.sync(g, 0)
		require.NoError(t, err)
		suspend := func(millis int64) <-chan error {
			ended := make(chan error, 1)
			go func() { ended <- g.Suspend(millis) }()
			synctest.Wait()
			return ended
		}

		poll := begin(g, newRequest("GET", "sync?timeout=600000&since="+reads.since, bob.token, nil))
		sent := begin(g, newRequest("PUT", sendPath(room, "t1"), bob.token, text("ahoy")))
		suspended := suspend(5000)
		assert.ErrorContains(t, (<-poll).err, ErrorSuspended, "a poll is not waited for")
		_, err = g.Request(newRequest("GET", "account/whoami", bob.token, nil))
		assert.ErrorContains(t, err, ErrorSuspended, "nothing new begins")
		time.Sleep(4 * time.Second)
		require.Empty(t, suspended)
		finish <- struct{}{}
		require.NoError(t, (<-sent).err)
		require.NoError(t, <-suspended)
		assert.Zero(t, w.openSockets())
		require.NoError(t, g.Resume())

		sent = begin(g, newRequest("PUT", sendPath(room, "t2"), bob.token, text("ahoy")))
		suspended = suspend(5000)
		require.NoError(t, g.Resume(), "the person is back")
		require.NoError(t, <-suspended)
		finish <- struct{}{}
		require.NoError(t, (<-sent).err)
		require.NotEqual(t, StateSuspended, g.Status().State)

		sent = begin(g, newRequest("PUT", sendPath(room, "t3"), bob.token, text("ahoy")))
		began := time.Now()
		require.NoError(t, g.Suspend(5000))
		assert.Equal(t, 5*time.Second, time.Since(began))
		assert.ErrorContains(t, (<-sent).err, ErrorSuspended)
		require.NoError(t, g.Resume())
		finish <- struct{}{} // it is done at the homeserver; the same again is done no more
		again := begin(g, newRequest("PUT", sendPath(room, "t3"), bob.token, text("ahoy")))
		close(finish)
		require.NoError(t, (<-again).err)
		reads.person = alice
		reads.since = ""
		_, err = reads.sync(g, 0)
		require.NoError(t, err)
		assert.Equal(t, []string{"ahoy", "ahoy", "ahoy"}, reads.texts)
	})
}

// TestStates: every call in every state.
func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bob := w.person("bob")
		works := func(g *Gateway) {
			t.Helper()
			assert.EqualValues(t, http.StatusOK, ask(t, g, "GET", "account/whoami", bob.token, nil, nil))
		}
		refuses := func(g *Gateway, with string) {
			t.Helper()
			_, err := g.Request(newRequest("GET", "account/whoami", bob.token, nil))
			assert.ErrorContains(t, err, with+": ")
			_, err = g.Start()
			assert.ErrorContains(t, err, with+": ")
		}
		isClosed := func(g *Gateway) {
			t.Helper()
			refuses(g, ErrorClosed)
			assert.ErrorContains(t, g.Suspend(0), ErrorClosed)
			assert.ErrorContains(t, g.Suspend(1000), ErrorClosed)
			assert.ErrorContains(t, g.Resume(), ErrorClosed)
			g.NetworkChanged()
			g.Stop()
			g.SetListener(nil)
			g.SetListener(&hears{})
			assert.NoError(t, g.Close())
			assert.Equal(t, StateClosed, g.Status().State)
		}

		fresh := w.gateway("")
		assert.Equal(t, StateIdle, fresh.Status().State)
		require.NoError(t, fresh.Resume(), "without Suspend")
		fresh.NetworkChanged()
		require.NoError(t, fresh.Suspend(0))
		require.NoError(t, fresh.Suspend(1000), "twice")
		refuses(fresh, ErrorSuspended)
		fresh.NetworkChanged()
		synctest.Wait()
		assert.Zero(t, w.openSockets())
		require.NoError(t, fresh.Resume())
		require.NoError(t, fresh.Resume())
		works(fresh)
		require.NoError(t, fresh.Resume())
		works(fresh)
		require.NoError(t, fresh.Close())
		isClosed(fresh)

		unused := w.gateway("")
		require.NoError(t, unused.Close())
		isClosed(unused)

		sleeping := w.gateway("")
		works(sleeping)
		require.NoError(t, sleeping.Suspend(0))
		require.NoError(t, sleeping.Close())
		isClosed(sleeping)

		busy := w.gateway("")
		works(busy)
		reads := &reader{person: bob}
		_, err := reads.sync(busy, 0)
		require.NoError(t, err)
		poll := begin(busy, newRequest("GET", "sync?timeout=600000&since="+reads.since, bob.token, nil))
		require.NoError(t, busy.Close())
		assert.ErrorContains(t, (<-poll).err, ErrorClosed)
		isClosed(busy)

		drowsy := w.gateway("")
		w.front = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
		slow := begin(drowsy, newRequest("GET", "account/whoami", bob.token, nil))
		suspended := make(chan error, 1)
		go func() { suspended <- drowsy.Suspend(60_000) }()
		synctest.Wait()
		require.NoError(t, drowsy.Close())
		assert.ErrorContains(t, <-suspended, ErrorClosed)
		assert.ErrorContains(t, (<-slow).err, ErrorClosed)
		isClosed(drowsy)

		isClosed(new(Gateway))
		assert.Zero(t, w.openSockets())
		assert.Empty(t, goroutines())
	})
}

// TestHandshake: the network goes, and the app falls asleep, during the handshake.
func TestHandshake(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world, dir string) {
		bob := w.person("bob")
		g := w.gateway(dir)
		inTheDark := func() <-chan outcome {
			t.Helper()
			first := len(w.sockets)
			asked := begin(g, newRequest("GET", "account/whoami", bob.token, nil))
			require.Greater(t, len(w.sockets), first)
			w.last().away.Store(true)
			time.Sleep(10 * time.Second)
			require.Empty(t, asked)
			return asked
		}
		asked := inTheDark()
		began := time.Now()
		require.NoError(t, g.Suspend(0))
		assert.Zero(t, time.Since(began))
		assert.ErrorContains(t, (<-asked).err, ErrorSuspended)
		assert.Zero(t, w.openSockets())
		synctest.Wait()
		assert.Empty(t, goroutines())
		require.NoError(t, g.Resume())

		asked = inTheDark()
		began = time.Now()
		g.NetworkChanged()
		got := <-asked
		require.NoError(t, got.err)
		assert.EqualValues(t, http.StatusOK, got.resp.Status)
		assert.Less(t, time.Since(began), time.Second)
		assert.Equal(t, 1, w.openSockets())
	})
}
