package join

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/txn"
)

// TestRetryFindsAnswer: a client that is less patient than the link is slow gets its
// answer for one request on the link, whether it asks again before the answer comes
// or after.
func TestRetryFindsAnswer(t *testing.T) {
	for name, target := range map[string][2]string{
		"message":    {"PUT", send},
		"to devices": {"PUT", v3 + "sendToDevice/m.room_key/t1"},
		"redaction":  {"PUT", v3 + "rooms/!r:hs/redact/$e/t1"},
		"read":       {"GET", v3 + "pushrules/"},
		"sync":       {"GET", v3 + "sync?since=s1&timeout=30000"},
	} {
		for _, pause := range []time.Duration{0, time.Second, 45 * time.Second, 4 * time.Minute} {
			t.Run(fmt.Sprint(name, " after ", pause), func(t *testing.T) {
				b := &base{delay: slow}
				inWorld(t, b, func(t *testing.T, tr *Transport) {
					body := ""
					if target[0] == "PUT" {
						body = text
					}
					var answer string
					tries := 0
					for err := context.DeadlineExceeded; err != nil; tries++ {
						_, answer, err = ask(t, tr, impatient, target[0], target[1], "a", body)
						time.Sleep(pause)
					}
					assert.Equal(t, "answer to "+body, answer)
					assert.Equal(t, 1, b.count())
					assert.Greater(t, tries, 1)
				})
			})
		}
	}
}

// TestNeverJoined: what may mean two things when it comes twice goes twice.
func TestNeverJoined(t *testing.T) {
	for _, target := range []string{
		"POST " + v3 + "rooms/!r:hs/receipt/m.read/$e",
		"POST " + v3 + "createRoom",
		"PUT " + v3 + "rooms/!r:hs/state/m.room.topic",
		"PUT " + v3 + "rooms/!r:hs/typing/@a:hs",
		"PUT " + v3 + "user/@a:hs/account_data/m.direct",
		"DELETE " + v3 + "user/@a:hs/rooms/!r:hs/tags/t",
	} {
		t.Run(target, func(t *testing.T) {
			b := &base{delay: slow}
			inWorld(t, b, func(t *testing.T, tr *Transport) {
				method, url, _ := strings.Cut(target, " ")
				giveUp(t, tr, method, url, "a", text)
				synctest.Wait()
				assert.Equal(t, 1, b.cancelled(), "it ends with its client")
				both := make(chan string, 2)
				for range 2 {
					go func() { both <- want(t, tr, method, url, "a", text) }()
				}
				<-both
				<-both
				assert.Equal(t, 3, b.count())
			})
		})
	}
}

// TestTopicSetAgain: a topic that somebody changed between two equal requests is set
// again. A join would have said so and not done it.
func TestTopicSetAgain(t *testing.T) {
	topic := ""
	b := &base{delay: slow, answer: func(_ *http.Request, body string) *http.Response {
		topic = body
		return reply(http.StatusOK, "{}")
	}}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		const state = v3 + "rooms/!r:hs/state/m.room.topic"
		want(t, tr, "PUT", state, "a", "ours")
		giveUp(t, tr, "PUT", state, "a", "ours")
		topic = "somebody else's"
		want(t, tr, "PUT", state, "a", "ours")
		assert.Equal(t, "ours", topic)
	})
}

// TestDeliveredAnswers: who asks again after an answer was delivered asks anew, but
// for transactions that were executed.
func TestDeliveredAnswers(t *testing.T) {
	tests := []struct {
		method, target string
		status, want   int
	}{
		{"GET", v3 + "pushrules/", 200, 2},
		{"GET", v3 + "sync?since=s1", 200, 2},
		{"GET", v3 + "rooms/!r:hs/state", 403, 2},
		{"PUT", send, 200, 1},
		{"PUT", send, 403, 2},
		{"PUT", send, 429, 2},
		{"PUT", send, 502, 2},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.method, tt.target, tt.status), func(t *testing.T) {
			b := &base{delay: time.Second, answer: func(*http.Request, string) *http.Response {
				return reply(tt.status, "{}")
			}}
			inWorld(t, b, func(t *testing.T, tr *Transport) {
				for range 2 {
					status, _, err := ask(t, tr, patient, tt.method, tt.target, "a", "")
					require.NoError(t, err)
					assert.Equal(t, tt.status, status)
				}
				assert.Equal(t, tt.want, b.count())
			})
		})
	}
}

// TestKeptAnswers: which answers a client finds that gave up.
func TestKeptAnswers(t *testing.T) {
	for status, kept := range map[int]bool{200: true, 404: true, 403: true, 401: false, 429: false, 500: false, 502: false, 504: false, 0: false} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			b := &base{delay: slow, answer: func(*http.Request, string) *http.Response {
				if status == 0 {
					return nil
				}
				return reply(status, "{}")
			}}
			inWorld(t, b, func(t *testing.T, tr *Transport) {
				giveUp(t, tr, "GET", v3+"pushrules/", "a", "")
				time.Sleep(slow)
				got, _, err := ask(t, tr, patient, "GET", v3+"pushrules/", "a", "")
				if status == 0 {
					assert.ErrorIs(t, err, errDown)
				}
				assert.Equal(t, status, got)
				assert.Equal(t, kept, b.count() == 1)
			})
		})
	}
}

// TestKeepEnds: an answer is kept for Keep, and an exchange that nobody waits for
// runs for Deadline.
func TestKeepEnds(t *testing.T) {
	b := &base{delay: slow}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		begun := time.Now()
		giveUp(t, tr, "PUT", send, "a", text)
		time.Sleep(time.Until(begun.Add(slow + Keep(tr.Profile) - time.Second)))
		_, held := tr.books()
		assert.NotZero(t, held)
		time.Sleep(2 * time.Second)
		tr.assertEmpty(t)
		want(t, tr, "PUT", send, "a", text)
		assert.Equal(t, 2, b.count())
	})
	b = &base{delay: 1000 * time.Hour}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		for range 2 { // joined in between: the time begins anew
			giveUp(t, tr, "PUT", send, "a", text)
			time.Sleep(Deadline(tr.Profile, int64(len(text))) - time.Second)
			assert.Zero(t, b.cancelled())
		}
		time.Sleep(2 * time.Second)
		assert.Equal(t, 1, b.cancelled())
		assert.Equal(t, 1, b.count())
		tr.assertEmpty(t)
	})
}

// TestWritesOutdateReads: an answer from before a user's own write is not served
// after it, but for streams and media.
func TestWritesOutdateReads(t *testing.T) {
	tests := []struct {
		target string
		again  int
	}{
		{v3 + "profile/@a:hs", 1},
		{v3 + "sync?since=s1", 0},
		{"https://hs/_matrix/media/v3/download/hs/id", 0},
	}
	writes := []string{"POST " + v3 + "keys/upload", "PUT " + v3 + "profile/@a:hs/displayname", "PUT " + send, "DELETE " + v3 + "x"}
	for _, tt := range tests {
		for _, write := range writes {
			for name, wait := range map[string]time.Duration{"kept": slow, "running": 0} {
				t.Run(tt.target+" "+write+" "+name, func(t *testing.T) {
					b := &base{delay: slow, answer: func(r *http.Request, body string) *http.Response {
						return reply(http.StatusOK, r.URL.Path+body)
					}}
					inWorld(t, b, func(t *testing.T, tr *Transport) {
						giveUp(t, tr, "GET", tt.target, "a", "")
						giveUp(t, tr, "GET", tt.target, "other", "")
						time.Sleep(wait)
						b.setDelay(time.Millisecond)
						method, url, _ := strings.Cut(write, " ")
						want(t, tr, method, url, "a", text)
						before := b.count()
						want(t, tr, "GET", tt.target, "a", "")
						assert.Equal(t, tt.again, b.count()-before)
						want(t, tr, "GET", tt.target, "other", "")
						assert.Equal(t, tt.again, b.count()-before, "the other user wrote nothing")
					})
				})
			}
		}
	}
}

// TestReadDuringWrite: a read that was sent before a write was answered may be older
// than the write, and is not joined after it.
func TestReadDuringWrite(t *testing.T) {
	b := &base{delay: slow}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		written := make(chan string)
		go func() { written <- want(t, tr, "POST", v3+"x", "a", text) }()
		synctest.Wait()
		giveUp(t, tr, "GET", v3+"y", "a", "")
		<-written
		want(t, tr, "GET", v3+"y", "a", "")
		assert.Equal(t, 3, b.count())
	})
}

// TestTokenEnds: 401 and logout end what is kept.
func TestTokenEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, tr *Transport){
		"401": func(t *testing.T, tr *Transport) {
			status, _, err := ask(t, tr, patient, "GET", v3+"account/whoami", "a", "")
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, status)
		},
		"401 with the token in the query": func(t *testing.T, tr *Transport) {
			status, _, err := ask(t, tr, patient, "HEAD", v3+"account/whoami?access_token=a", "", "")
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, status)
		},
		"logout":     func(t *testing.T, tr *Transport) { want(t, tr, "POST", v3+"logout", "a", "{}") },
		"all logout": func(t *testing.T, tr *Transport) { want(t, tr, "POST", v3+"logout/all", "other", "{}") },
	} {
		t.Run(name, func(t *testing.T) {
			b := &base{delay: slow, answer: func(r *http.Request, _ string) *http.Response {
				if strings.HasSuffix(r.URL.Path, "whoami") {
					return reply(http.StatusUnauthorized, "{}")
				}
				return reply(http.StatusOK, "{}")
			}}
			inWorld(t, b, func(t *testing.T, tr *Transport) {
				want(t, tr, "PUT", send, "a", text)
				giveUp(t, tr, "GET", v3+"sync", "a", "")
				time.Sleep(slow)
				giveUp(t, tr, "GET", v3+"sync?hang", "a", "")
				require.Equal(t, 3, b.count())
				end(t, tr)
				tr.assertEmpty(t)
				assert.Equal(t, 1, b.cancelled(), "the poll that was under way")
				want(t, tr, "PUT", send, "a", text)
				assert.Equal(t, 5, b.count())
			})
		})
	}
}

// TestOthersKeep: a 401 of one user is nothing to another.
func TestOthersKeep(t *testing.T) {
	b := &base{delay: slow, answer: func(r *http.Request, _ string) *http.Response {
		if r.Header.Get("Authorization") == "Bearer bad" {
			return reply(http.StatusUnauthorized, "{}")
		}
		return reply(http.StatusOK, "{}")
	}}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		giveUp(t, tr, "GET", v3+"sync", "good", "")
		_, _, err := ask(t, tr, patient, "GET", v3+"sync", "bad", "")
		require.NoError(t, err)
		want(t, tr, "GET", v3+"sync", "good", "")
		assert.Equal(t, 2, b.count())
	})
}

// TestLongPollsDoNotPileUp: a client that numbers its polls never finds one again.
func TestLongPollsDoNotPileUp(t *testing.T) {
	b := &base{delay: time.Hour}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		const polls = 50
		for n := range polls {
			giveUp(t, tr, "GET", fmt.Sprintf("%ssync?since=s1&_cacheBuster=%d", v3, n), "a", "")
			alone, _ := tr.books()
			assert.LessOrEqual(t, alone, maxAloneOfUser)
		}
		assert.Equal(t, polls-maxAloneOfUser, b.cancelled())
		// The latest are still there.
		want(t, tr, "GET", fmt.Sprintf("%ssync?since=s1&_cacheBuster=%d", v3, polls-maxAloneOfUser), "a", "")
		assert.Equal(t, polls, b.count())
	})
}

// TestManyUsersLeave: all users together leave so many exchanges behind.
func TestManyUsersLeave(t *testing.T) {
	b := &base{delay: time.Hour}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		for n := range maxAlone + 10 {
			giveUp(t, tr, "GET", v3+"sync", fmt.Sprint("user", n), "")
			alone, _ := tr.books()
			assert.LessOrEqual(t, alone, maxAlone)
		}
		assert.Equal(t, 10, b.cancelled())
	})
}

// TestClientInUse: with somebody waiting an exchange is never ended for another.
func TestClientInUse(t *testing.T) {
	b := &base{delay: time.Hour}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		waiting := make(chan string)
		go func() { waiting <- want(t, tr, "GET", v3+"sync?first", "a", "") }()
		synctest.Wait()
		giveUp(t, tr, "GET", v3+"sync?first", "a", "") // joined, and left
		for n := range 2 * maxAloneOfUser {
			giveUp(t, tr, "GET", fmt.Sprint(v3, "sync?", n), "a", "")
		}
		assert.Equal(t, "answer to ", <-waiting)
	})
}

// TestClose: waiting clients are told, and nothing is left.
func TestClose(t *testing.T) {
	b := &base{delay: time.Hour}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		errs := make(chan error)
		go func() {
			_, _, err := ask(t, tr, patient, "PUT", send, "a", text)
			errs <- err
		}()
		giveUp(t, tr, "GET", v3+"sync", "a", "")
		require.NoError(t, tr.Close())
		assert.ErrorIs(t, <-errs, ErrClosed)
		assert.Equal(t, 2, b.cancelled())
		_, _, err := ask(t, tr, patient, "PUT", send, "a", text)
		assert.ErrorIs(t, err, ErrClosed)
	})
}

// TestDeadClient: nothing is sent for a client that has gone already.
func TestDeadClient(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := tr.RoundTrip(request(t, ctx, "GET", v3+"sync", "a", ""))
		assert.ErrorIs(t, err, context.Canceled)
		assert.Zero(t, b.count())
	})
}

// TestBrokenRequest: half a request is not sent.
func TestBrokenRequest(t *testing.T) {
	b := &base{}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		r := request(t, t.Context(), "PUT", send, "a", text)
		r.Body = io.NopCloser(iotest.ErrReader(errDown))
		_, err := tr.RoundTrip(r)
		assert.ErrorIs(t, err, errDown)
		assert.Zero(t, b.count())
	})
}

// TestLongRequest: a body over txn.MaxBody is not read ahead and not joined.
func TestLongRequest(t *testing.T) {
	var got int
	b := &base{answer: func(_ *http.Request, body string) *http.Response {
		got = len(body)
		return reply(http.StatusOK, "{}")
	}}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		for range 2 {
			want(t, tr, "PUT", send, "a", strings.Repeat("x", txn.MaxBody+1))
			assert.Equal(t, txn.MaxBody+1, got)
		}
		assert.Equal(t, 2, b.count())
	})
}

// TestResponseIsOnesOwn: what one client does with an answer is nothing to another,
// and the request of a client that has gone is its own again.
func TestResponseIsOnesOwn(t *testing.T) {
	b := &base{delay: slow}
	inWorld(t, b, func(t *testing.T, tr *Transport) {
		first := request(t, t.Context(), "GET", v3+"x", "a", "")
		second := request(t, t.Context(), "GET", v3+"x", "a", "")
		one, two := make(chan *http.Response, 1), make(chan *http.Response, 1)
		for r, out := range map[*http.Request]chan *http.Response{first: one, second: two} {
			go func() {
				resp, err := tr.RoundTrip(r)
				assert.NoError(t, err)
				out <- resp
			}()
		}
		synctest.Wait()
		first.Header.Set("Authorization", "Bearer changed")
		resp, other := <-one, <-two
		assert.Same(t, first, resp.Request)
		assert.Same(t, second, other.Request)
		resp.Header.Set("Content-Type", "changed")
		assert.Equal(t, "application/json", other.Header.Get("Content-Type"))
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
		_, err := resp.Body.Read(make([]byte, 1))
		assert.ErrorIs(t, err, http.ErrBodyReadAfterClose)
		got, err := io.ReadAll(other.Body)
		require.NoError(t, err)
		assert.Equal(t, "answer to ", string(got))
		require.NoError(t, other.Body.Close())
		assert.Equal(t, 1, b.count())
	})
}

// TestTimes: deadlines grow with the slowness of the link, and nobody gives up sooner
// than the link.
func TestTimes(t *testing.T) {
	for _, p := range append(link.Profiles(), link.Default()) {
		d := Deadline(p, 0)
		assert.Greater(t, d, p.HandshakeTimeout+2*p.MaxTransmitWait(), p.Name)
		assert.GreaterOrEqual(t, Deadline(p, txn.MaxBody)-d, p.Airtime(txn.MaxBody, true), p.Name)
		assert.Less(t, d, 36*time.Hour, p.Name)
		assert.GreaterOrEqual(t, Keep(p), 5*time.Minute)
	}
	hf, _ := link.ByName("hf-s5066-75")
	geo, _ := link.ByName("geo-vsat")
	assert.Equal(t, 13*time.Minute, Keep(hf))
	assert.Equal(t, 5*time.Minute, Keep(geo))
	assert.Greater(t, Deadline(hf, 0), 20*Deadline(geo, 0))
}
