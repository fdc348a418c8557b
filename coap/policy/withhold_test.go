package policy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/txn"
)

// TestDrop: what nobody misses is answered as the homeserver would answer, to a user
// whom it knows.
func TestDrop(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		ask(t, tr, "PUT", typing, "a", `{"typing":true}`)
		assert.Len(t, b.take(), 1, "who knows whether a may")
		prove(t, b, tr, "a")
		resp, text := ask(t, tr, "PUT", typing, "a", `{"typing":true,"timeout":30000}`)
		assert.Equal(t, 200, resp.StatusCode)
		assert.Equal(t, "{}", text)
		assert.Equal(t, http.Header{"Content-Type": {"application/json"}}, resp.Header)
		ask(t, tr, "PUT", v3+"presence/@a:hs/status", "a", `{"presence":"online"}`)
		time.Sleep(time.Hour)
		assert.Empty(t, b.take())
		ask(t, tr, "PUT", typing, "a", `{"typing":true}`)
		assert.Len(t, b.take(), 1, "an hour later")
		prove(t, b, tr, "a")
		for _, body := range []string{`{"typing":`, `[]`, `null`, `"x"`, `{"x":"` + strings.Repeat("y", maxHeldBody) + `"}`} {
			ask(t, tr, "PUT", typing, "a", body)
			assert.Equal(t, []string{"PUT " + typing + " " + body}, b.take(), "it is for the homeserver to refuse")
		}
		_, _, err := try(t, readerOf{tr, failing{}}, "PUT", typing, "a", "x")
		assert.ErrorIs(t, err, errDown)
	})
}

// readerOf gives requests another body.
type readerOf struct {
	http.RoundTripper
	body io.Reader
}

func (r readerOf) RoundTrip(q *http.Request) (*http.Response, error) {
	q.Body = io.NopCloser(r.body)
	return r.RoundTripper.RoundTrip(q)
}

// TestMerge: of the receipts of a room the last one goes, after a while.
func TestMerge(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a", "b")
		for i := range 10 {
			resp, text := ask(t, tr, "POST", fmt.Sprint(receipt, "$", i), "a", "{}")
			assert.Equal(t, 200, resp.StatusCode)
			assert.Equal(t, "{}", text)
			time.Sleep(2 * time.Second)
		}
		ask(t, tr, "POST", receipt+"$b", "b", "{}")
		ask(t, tr, "POST", receipt+"$t", "a", `{"thread_id":"$root"}`)
		ask(t, tr, "POST", v3+"rooms/!r:hs/receipt/m.read.private/$p", "a", ``)
		ask(t, tr, "POST", v3+"rooms/!other:hs/receipt/m.read/$o", "a", `{}`)
		assert.Empty(t, b.take())
		time.Sleep(10 * time.Second)
		assert.Equal(t, []string{"POST " + receipt + "$9 {}"}, b.take(), "30 s after the first")
		time.Sleep(20 * time.Second)
		assert.ElementsMatch(t, []string{
			"POST " + receipt + "$b {}", "POST " + receipt + `$t {"thread_id":"$root"}`,
			"POST " + v3 + "rooms/!r:hs/receipt/m.read.private/$p", "POST " + v3 + "rooms/!other:hs/receipt/m.read/$o {}",
		}, b.take())
		time.Sleep(time.Hour)
		assert.Empty(t, b.take(), "nothing is sent twice")

		prove(t, b, tr, "a")
		const markers = v3 + "rooms/!r:hs/read_markers"
		ask(t, tr, "POST", markers, "a", `{"m.fully_read":"$1","m.read":"$1"}`)
		ask(t, tr, "POST", markers, "a", `{"m.fully_read":"$2"}`)
		ask(t, tr, "POST", markers, "a", `{"m.read":"$3","m.fully_read":"$3"}`)
		time.Sleep(time.Minute)
		assert.ElementsMatch(t, []string{
			"POST " + markers + ` {"m.read":"$3","m.fully_read":"$3"}`, "POST " + markers + ` {"m.fully_read":"$2"}`,
		}, b.take(), "one that says less does not stand for one that says more")
	})
}

// TestMergeWhileSending: what comes while one is on the link goes after it.
func TestMergeWhileSending(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		b.delay = 20 * time.Second
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		time.Sleep(31 * time.Second)
		assert.Len(t, b.take(), 1)
		ask(t, tr, "POST", receipt+"$2", "a", "{}")
		ask(t, tr, "POST", receipt+"$3", "a", "{}")
		time.Sleep(48 * time.Second)
		assert.Empty(t, b.take())
		time.Sleep(time.Second)
		assert.Equal(t, []string{"POST " + receipt + "$3 {}"}, b.take())
		time.Sleep(time.Minute)
	})
}

// TestMergeFailures: what fails is tried again, within bounds.
func TestMergeFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func() *http.Response
		want   int
	}{
		"link down":     {func() *http.Response { return nil }, tries},
		"busy":          {func() *http.Response { r := reply(429, `{}`); r.Header.Set("Retry-After", "900"); return r }, tries},
		"gateway error": {func() *http.Response { return reply(502, `{}`) }, tries},
		"not in room":   {func() *http.Response { return reply(403, `{}`) }, 1},
		"endless":       {func() *http.Response { r := reply(200, ``); r.Body = io.NopCloser(zeros{}); return r }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := &base{}
			b.answer = func(r *http.Request, _ string) *http.Response {
				if strings.Contains(r.URL.Path, "receipt") {
					return tt.answer()
				}
				return reply(200, "{}")
			}
			inWorld(t, b, func(t *testing.T, tr *Transport) {
				prove(t, b, tr, "a")
				ask(t, tr, "POST", receipt+"$1", "a", "{}")
				time.Sleep(time.Hour)
				got := b.take()
				assert.Len(t, got, tt.want)
				assert.Empty(t, tr.held)
			})
		})
	}
	// A later one takes the place of the one that failed.
	b := &base{}
	b.answer = func(r *http.Request, _ string) *http.Response {
		if strings.HasSuffix(r.URL.Path, "$1") {
			return nil
		}
		return reply(200, "{}")
	}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		time.Sleep(31 * time.Second)
		ask(t, tr, "POST", receipt+"$2", "a", "{}")
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"POST " + receipt + "$1 {}", "POST " + receipt + "$2 {}"}, b.take())
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestMergeGoesAlong: who writes has read: the receipt of the room follows the message,
// and never goes in front of it.
func TestMergeGoesAlong(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a", "b")
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		ask(t, tr, "POST", receipt+"$1", "b", "{}")
		ask(t, tr, "POST", v3+"rooms/!other:hs/receipt/m.read/$o", "a", `{}`)
		ask(t, tr, "PUT", message, "a", `{"body":"hi"}`)
		assert.Equal(t, []string{"PUT " + message + ` {"body":"hi"}`, "POST " + receipt + "$1 {}"}, b.take())
		b.answer = func(*http.Request, string) *http.Response { return nil }
		_, _, err := try(t, tr, "PUT", v3+"rooms/!other:hs/send/m.room.message/t2", "a", `{}`)
		assert.ErrorIs(t, err, errDown)
		assert.Len(t, b.take(), 1, "with the link down nothing goes along")
		b.answer = nil
	})
}

// TestMergeEnds: what is held back is sent before its token ends, and not after.
func TestMergeEnds(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a", "b")
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		ask(t, tr, "POST", receipt+"$1", "b", "{}")
		ask(t, tr, "POST", v3+"logout", "a", "{}")
		assert.Equal(t, []string{"POST " + receipt + "$1 {}", "POST " + v3 + "logout {}"}, b.take())
		b.answer = func(*http.Request, string) *http.Response { return reply(401, `{"errcode":"M_UNKNOWN_TOKEN"}`) }
		ask(t, tr, "GET", sync3, "b", "")
		b.take()
		time.Sleep(time.Hour)
		assert.Empty(t, b.take(), "b is logged out")
	})
	// A dead link does not keep a person from logging out.
	b = &base{delay: 24 * time.Hour}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		tr.init()
		tr.users.prove(userDigest(t, "a"), time.Now())
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		begun := time.Now()
		ask(t, tr, "POST", v3+"logout", "a", "{}")
		assert.Less(t, time.Since(begun), 24*time.Hour+2*time.Minute)
		b.delay = 0
	})
}

func userDigest(t *testing.T, token string) txn.Digest {
	t.Helper()
	r, err := http.NewRequest("GET", "http://hs/", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "bearer  "+token)
	d, has, ok := userOf(r)
	require.True(t, has && ok)
	return d
}

// TestClose: what is held back is sent, within bounds, and nothing is taken any more.
func TestClose(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		require.NoError(t, tr.Close())
		assert.Equal(t, []string{"POST " + receipt + "$1 {}"}, b.take())
		_, _, err := try(t, tr, "GET", caps, "a", "")
		assert.ErrorIs(t, err, ErrClosed)
	})
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		b.delay = 24 * time.Hour
		begun := time.Now()
		require.NoError(t, tr.Close())
		assert.Less(t, time.Since(begun), 2*time.Minute)
		assert.Len(t, b.take(), 1)
		b.delay = 0
	})
	// One that waits to be tried again is tried once more.
	b.answer = func(r *http.Request, _ string) *http.Response {
		if strings.Contains(r.URL.Path, "receipt") {
			return nil
		}
		return reply(200, "{}")
	}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		time.Sleep(31 * time.Second)
		require.NoError(t, tr.Close())
		assert.Len(t, b.take(), 2)
	})
}

// TestMergeBounds: too much to hold back passes.
func TestMergeBounds(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		for i := range maxHeld {
			ask(t, tr, "POST", fmt.Sprintf("%srooms/!%d:hs/receipt/m.read/$e", v3, i), "a", "{}")
		}
		assert.Empty(t, b.take())
		ask(t, tr, "POST", v3+"rooms/!x:hs/receipt/m.read/$e", "a", "{}")
		assert.Len(t, b.take(), 1)
	})
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		for i := range 2 * maxUsers {
			prove(t, b, tr, fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		assert.Len(t, tr.users.proven, maxUsers)
		assert.True(t, tr.trusted(userDigest(t, fmt.Sprint(2*maxUsers-1))))
		for i := range 2 * maxFamilies {
			ask(t, tr, "PUT", fmt.Sprintf("%sx%d/y", v3, i), "a", "{}")
		}
		assert.LessOrEqual(t, len(tr.answers.writes), maxFamilies)
	})
}

// TestMergeHurried: who logs out while a receipt is on the link has the one behind it
// sent, too.
func TestMergeHurried(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		b.delay = 3 * time.Second
		ask(t, tr, "POST", receipt+"$1", "a", "{}")
		time.Sleep(31 * time.Second)
		ask(t, tr, "POST", receipt+"$2", "a", "{}")
		ask(t, tr, "POST", v3+"logout", "a", "{}")
		assert.Equal(t, []string{"POST " + receipt + "$1 {}", "POST " + receipt + "$2 {}", "POST " + v3 + "logout {}"}, b.take())
	})
}
