package policy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const caps = v3 + "capabilities"

// revalidating is a far end that answers 304 to a validator of what it would say.
func revalidating(b *base, body func() string) {
	b.answer = func(r *http.Request, _ string) *http.Response {
		resp := reply(http.StatusOK, body())
		if v := r.Header.Get("If-None-Match"); v != "" {
			e := entry{header: resp.Header, body: []byte(body())}
			if v == e.validator() {
				return &http.Response{StatusCode: http.StatusNotModified, Header: http.Header{"Etag": {`"hs"`}}, Body: http.NoBody}
			}
		}
		return resp
	}
}

// TestRecall: an answer is used again until its age, then asked about.
func TestRecall(t *testing.T) {
	b := &base{}
	body := `{"capabilities":{}}`
	revalidating(b, func() string { return body })
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		first, text := ask(t, tr, "GET", caps, "a", "")
		assert.Equal(t, []string{"GET " + caps}, b.take())
		again, same := ask(t, tr, "GET", caps, "a", "")
		assert.Empty(t, b.take())
		assert.Equal(t, text, same)
		assert.Equal(t, first.Header, again.Header)
		assert.Equal(t, first.ContentLength, again.ContentLength)
		assert.Equal(t, 200, again.StatusCode)
		again.Header.Set("X", "what the caller does to it") // is its own

		for range 7 {
			time.Sleep(time.Hour - time.Minute)
			prove(t, b, tr, "a")
		}
		again, same = ask(t, tr, "GET", caps, "a", "")
		assert.True(t, strings.HasPrefix(b.header().Get("If-None-Match"), `W/"coapgw-`))
		assert.Equal(t, []string{"GET " + caps}, b.take())
		assert.Equal(t, 200, again.StatusCode, "what the client is told is the answer")
		assert.Equal(t, text, same)
		assert.Equal(t, `"hs"`, again.Header.Get("Etag"))
		assert.Empty(t, again.Header.Get("X"))
		ask(t, tr, "GET", caps, "a", "")
		assert.Empty(t, b.take(), "and it is fresh again")

		body = `{"capabilities":{"m.change_password":{"enabled":false}}}`
		_, text = ask(t, tr, "GET", caps, "a", "", "Cache-Control", "no-cache")
		assert.Equal(t, body, text, "who reloads has the homeserver asked")
		assert.Len(t, b.take(), 1)
		_, text = ask(t, tr, "GET", caps, "a", "")
		assert.Equal(t, body, text)
		assert.Empty(t, b.take())
	})
}

// TestTokensInQuery: however a client writes its access token into the query, no other
// user gets what was answered to it, nor is anything merged or answered here for another.
func TestTokensInQuery(t *testing.T) {
	for _, form := range []string{
		"access_token=%s", "access%%5Ftoken=%s", "%%61ccess_token=%s", "access_token=%s;x", "x;access_token=%s",
		"access_token=%s%%zz", "%%zz;access%%5ftoken=%s",
	} {
		t.Run(form, func(t *testing.T) {
			b := &base{answer: func(r *http.Request, _ string) *http.Response {
				return reply(http.StatusOK, `{"asked":"`+r.URL.RawQuery+`"}`)
			}}
			inWorld(t, b, func(t *testing.T, tr *Transport) {
				for _, token := range []string{"alice", "bob"} {
					query := fmt.Sprintf(form, token)
					for _, path := range []string{sync3 + "&", caps + "?", v3 + "pushrules/?"} {
						_, text := ask(t, tr, "GET", path+query, "", "")
						assert.Contains(t, text, token)
					}
				}
				b.take()
				ask(t, tr, "PUT", typing+"?"+fmt.Sprintf(form, "carol"), "", `{"typing":true}`)
				assert.Len(t, b.take(), 1, "of whom nothing is known is asked for at the homeserver")
			})
		})
	}
}

// TestRecallPasses: what is not the same question, or not a good answer, crosses.
func TestRecallPasses(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		crosses := func(method, target, token string, headers ...string) {
			t.Helper()
			ask(t, tr, method, target, token, "", headers...)
			assert.Len(t, b.take(), 1)
		}
		prove(t, b, tr, "a", "b")
		crosses("GET", caps, "a")
		crosses("GET", caps, "b")
		crosses("GET", caps, "")
		crosses("GET", caps+"?x=1", "a")
		crosses("HEAD", caps, "a")
		crosses("GET", caps, "a", "If-None-Match", `"x"`)
		crosses("GET", caps, "a", "Range", "bytes=0-1")
		crosses("GET", caps, "a", "Cache-Control", "max-age=5, No-Store")
		crosses("GET", caps, "a", "Cookie", "x=y")
		crosses("GET", caps, "a", "Authorization", "Bearer b")
		ask(t, tr, "GET", caps+"?access_token=a", "", "")
		ask(t, tr, "GET", caps+"?_cacheBuster=17", "a", "")
		assert.Empty(t, b.take(), "the same user asks the same")

		for _, target := range []string{v3 + "login", v3 + "account/whoami", v3 + "keys/changes", sync3, v3 + "register/available"} {
			crosses("GET", target, "a")
			crosses("GET", target, "a")
		}
	})
	for name, answer := range map[string]func() *http.Response{
		"not found":  func() *http.Response { return reply(404, `{"errcode":"M_NOT_FOUND"}`) },
		"no store":   func() *http.Response { r := reply(200, `{}`); r.Header.Set("Cache-Control", "no-store"); return r },
		"breaks off": func() *http.Response { r := reply(200, `{"half`); r.ContentLength = 20; return r },
		"fails": func() *http.Response {
			r := reply(200, ``)
			r.Body = io.NopCloser(failing{})
			r.ContentLength = -1
			return r
		},
		"valid, what": func() *http.Response { return reply(304, ``) },
	} {
		b := &base{answer: func(r *http.Request, _ string) *http.Response {
			if r.URL.Path == v3+"sync" {
				return reply(200, `{}`)
			}
			return answer()
		}}
		inWorld(t, b, func(t *testing.T, tr *Transport) {
			prove(t, b, tr, "a")
			for range 2 {
				_, _, _ = try(t, tr, "GET", caps, "a", "")
				assert.Len(t, b.take(), 1, name)
			}
		})
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDown }

// TestRecallTrust: a token that may have ended is asked about before anything is
// answered for it.
func TestRecallTrust(t *testing.T) {
	b := &base{}
	status := map[string]int{}
	b.answer = func(r *http.Request, _ string) *http.Response {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if s := status[token]; s != 0 {
			return reply(s, `{"errcode":"M_UNKNOWN_TOKEN"}`)
		}
		return reply(200, `{"of":"`+token+`"}`)
	}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a", "b")
		for _, token := range []string{"a", "b"} {
			ask(t, tr, "GET", caps, token, "")
		}
		ask(t, tr, "GET", "/_matrix/client/versions", "a", "")
		b.take()
		// Silence for an hour.
		time.Sleep(time.Hour)
		ask(t, tr, "GET", caps, "a", "")
		assert.NotEmpty(t, b.header().Get("If-None-Match"))
		assert.Len(t, b.take(), 1)

		status["a"] = 401
		resp, _ := ask(t, tr, "GET", sync3, "a", "")
		assert.Equal(t, 401, resp.StatusCode)
		b.take()
		resp, _ = ask(t, tr, "GET", "/_matrix/client/versions", "a", "")
		assert.Equal(t, 401, resp.StatusCode)
		assert.Empty(t, b.header().Get("If-None-Match"), "nothing is left of the user")

		prove(t, b, tr, "b")
		ask(t, tr, "GET", caps, "b", "")
		assert.Empty(t, b.take(), "others are not touched")
		ask(t, tr, "POST", v3+"logout/all", "c", "{}")
		b.take()
		ask(t, tr, "GET", caps, "b", "")
		assert.Len(t, b.take(), 1, "c may be b")
		ask(t, tr, "POST", v3+"logout", "b", "{}")
		b.take()
		status["b"] = 401
		resp, _ = ask(t, tr, "GET", caps, "b", "")
		assert.Equal(t, 401, resp.StatusCode)
	})
}

// TestRecallWrites: what a user changes through us is asked for again, also when it was
// asked for meanwhile.
func TestRecallWrites(t *testing.T) {
	const rules, rule = v3 + "pushrules/", v3 + "pushrules/global/override/x/enabled"
	b := &base{}
	var n atomic.Int64
	b.answer = func(r *http.Request, _ string) *http.Response {
		if r.Method == "PUT" {
			n.Add(1)
		}
		return reply(200, fmt.Sprintf(`{"n":%d}`, n.Load()))
	}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		ask(t, tr, "GET", rules, "a", "")
		ask(t, tr, "GET", caps, "a", "")
		ask(t, tr, "PUT", rule, "a", `{"enabled":true}`)
		_, text := ask(t, tr, "GET", rules, "a", "")
		assert.Equal(t, `{"n":1}`, text)
		b.take()
		ask(t, tr, "GET", caps, "a", "")
		ask(t, tr, "PUT", message, "a", `{}`)
		ask(t, tr, "GET", rules, "a", "")
		assert.Equal(t, []string{"PUT " + message + " {}"}, b.take(), "other parts are not touched")
		ask(t, tr, "PUT", rule, "b", `{"enabled":true}`)
		_, text = ask(t, tr, "GET", rules, "a", "")
		assert.Equal(t, `{"n":3}`, text, "b may be another device of a")

		// An answer from before the change comes after it.
		b.delay = time.Second
		ask(t, tr, "PUT", rule, "a", `{"enabled":false}`)
		read := make(chan string)
		go func() {
			_, text := ask(t, tr, "GET", rules, "a", "")
			read <- text
		}()
		time.Sleep(time.Second / 2)
		ask(t, tr, "PUT", rule, "a", `{"enabled":true}`)
		<-read
		b.take()
		ask(t, tr, "GET", rules, "a", "")
		assert.Len(t, b.take(), 1, "it was not kept")
	})
}

// TestRecallTTL: credentials for calls are used for half of their life at most.
func TestRecallTTL(t *testing.T) {
	const turn = v3 + "voip/turnServer"
	for ttl, lasts := range map[string]time.Duration{"600": 300 * time.Second, "0": 0, "-5": 0, `"x"`: time.Hour, "1e300": time.Hour, "999999999": time.Hour} {
		b := &base{answer: func(*http.Request, string) *http.Response { return reply(200, `{"ttl":`+ttl+`}`) }}
		inWorld(t, b, func(t *testing.T, tr *Transport) {
			prove(t, b, tr, "a")
			ask(t, tr, "GET", turn, "a", "")
			b.take()
			if lasts > 0 {
				time.Sleep(lasts - time.Millisecond)
				ask(t, tr, "GET", turn, "a", "")
				assert.Empty(t, b.take(), ttl)
				time.Sleep(time.Millisecond)
			}
			ask(t, tr, "GET", turn, "a", "")
			assert.Len(t, b.take(), 1, ttl)
		})
	}
}

// TestRecallMedia: files are kept without asking, the last used ones up to a number of
// bytes, on fast links too.
func TestRecallMedia(t *testing.T) {
	const download = "/_matrix/client/v1/media/download/hs/"
	b := &base{answer: func(r *http.Request, _ string) *http.Response {
		if !IsMedia(r.URL.Path) {
			return reply(200, `{}`)
		}
		return file(1000)
	}}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		get := func(name, token string) int {
			t.Helper()
			_, text := ask(t, tr, "GET", download+name, token, "")
			assert.Len(t, text, 1000)
			return len(b.take())
		}
		prove(t, b, tr, "a", "b")
		for _, name := range []string{"1", "2", "3", "4"} {
			assert.Equal(t, 1, get(name, "a"))
		}
		assert.Equal(t, 0, get("1", "a"))
		assert.Equal(t, 1, get("5", "a"))
		assert.Equal(t, 0, get("1", "a"), "was used")
		assert.Equal(t, 1, get("2", "a"), "was not used for longest")
		assert.Equal(t, 1, get("1", "b"), "users apart")
		ask(t, tr, "POST", "/_matrix/client/v1/media/upload", "a", "file")
		time.Sleep(59 * time.Minute)
		b.take()
		assert.Equal(t, 0, get("1", "b"), "media do not change")
		ask(t, tr, "GET", download+"1", "b", "", "Range", "bytes=5-")
		assert.Len(t, b.take(), 1)
		assert.LessOrEqual(t, tr.media.held, 8000)
	}, func(tr *Transport) { tr.MaxMedia = 8000 }, over(t, "bgan"))

	for name, max := range map[string]int{"too long": 3999, "none": -1} {
		inWorld(t, b, func(t *testing.T, tr *Transport) {
			prove(t, b, tr, "a")
			for range 2 {
				ask(t, tr, "GET", download+"1", "a", "")
				assert.Len(t, b.take(), 1, name)
			}
		}, func(tr *Transport) { tr.MaxMedia = max })
	}
}

// TestRecallBounds: bodies under way count.
func TestRecallBounds(t *testing.T) {
	b := &base{answer: func(*http.Request, string) *http.Response { return file(2000) }}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		var open []io.ReadCloser
		for i := range 8 {
			r, err := http.NewRequest("GET", fmt.Sprintf("http://hs/_matrix/media/v3/download/hs/%d", i), nil)
			require.NoError(t, err)
			resp, err := tr.RoundTrip(r)
			require.NoError(t, err)
			_, err = io.ReadFull(resp.Body, make([]byte, 1900))
			require.NoError(t, err)
			open = append(open, resp.Body)
			assert.LessOrEqual(t, tr.media.held, tr.MaxMedia*5/4)
		}
		for _, body := range open {
			require.NoError(t, body.Close())
		}
		assert.Zero(t, tr.media.held)
		synctest.Wait()
	}, func(tr *Transport) { tr.MaxMedia = 8000 + 4*entryCost })
}

// TestFastPasses: on a fast link nothing but media is kept.
func TestFastPasses(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		prove(t, b, tr, "a")
		for range 2 {
			ask(t, tr, "GET", caps, "a", "")
			ask(t, tr, "PUT", typing, "a", `{"typing":true}`)
		}
		assert.Len(t, b.take(), 4)
	}, func(tr *Transport) { tr.Profile.AckTimeout = 0 })
	for name, change := range map[string]func(*Transport){
		"off": func(tr *Transport) { tr.Off = true },
		"overridden": func(tr *Transport) {
			tr.Override = Override{"capabilities": pass(), "typing": pass(), "nothing": drop()}
		},
	} {
		inWorld(t, b, func(t *testing.T, tr *Transport) {
			prove(t, b, tr, "a")
			for range 2 {
				ask(t, tr, "GET", caps, "a", "")
				ask(t, tr, "PUT", typing, "a", `{"typing":true}`)
			}
			assert.Len(t, b.take(), 4, name)
		}, change)
	}
}
