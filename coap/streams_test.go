package coap_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/internal/fakehs"
)

// exampleHomeserver is what the example of docs/wire-v1.md goes to: in a room with one event
// there comes a second one, on a word of go.
type exampleHomeserver struct{ say chan struct{} }

func (h *exampleHomeserver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	event := func(id, sender, body string) string {
		return fmt.Sprintf(`{"type":"m.room.message","event_id":%q,"sender":%q,"content":{"msgtype":"m.text","body":%q}}`, id, sender, body)
	}
	news := func(next, event string) string {
		return fmt.Sprintf(`{"next_batch":%q,"rooms":{"join":{"!lab:example.org":{"timeline":{"events":[%s]}}}}}`, next, event)
	}
	body := `{"user_id":"@alice:example.org"}`
	switch r.URL.Path {
	case "/_matrix/client/v3/directory/room/#lab:example.org":
		body = `{"room_id":"!lab:example.org"}`
	case "/_matrix/client/v3/sync":
		switch r.URL.Query().Get("since") {
		case "":
			body = news("1", event("$first", "@bob:example.org", "off"))
		case "1":
			select {
			case <-h.say:
			case <-r.Context().Done():
				return
			}
			body = news("2", event("$second", "@bob:example.org", "on"))
		default:
			<-r.Context().Done()
			return
		}
	}
	if r.Header.Get("Authorization") != "Bearer secret." {
		w.WriteHeader(http.StatusUnauthorized)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body)
}

// streamWorld is a Server in front of a homeserver with a room of Alice and Bob.
type streamWorld struct {
	t      *testing.T
	hs     *fakehs.Server
	room   string
	tokens map[string]string
	conn   *endpoint.Conn
	log    bytes.Buffer

	mu   sync.Mutex
	seen map[string]int // requests by user and path
}

func inStream(t *testing.T, f func(t *testing.T, w *streamWorld)) {
	synctest.Test(t, func(t *testing.T) {
		w := &streamWorld{t: t, hs: fakehs.New(fakehs.Config{ServerName: "h", Seed: 1}), tokens: map[string]string{}, seen: map[string]int{}}
		for _, name := range []string{"alice", "bob"} {
			got := w.do("", http.MethodPost, "register", `{"username":"`+name+`","password":"pw","auth":{"type":"m.login.dummy"}}`)
			w.tokens[name] = got["access_token"].(string)
		}
		w.room = w.do("alice", http.MethodPost, "createRoom", `{"preset":"public_chat","room_alias_name":"lab"}`)["room_id"].(string)
		w.do("bob", http.MethodPost, "join/"+url.PathEscape(w.room), `{}`)
		w.conn = newServer(t, &coap.Server{Handler: w, Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		f(t, w)
	})
}

// ServeHTTP implements http.Handler: the homeserver, whose requests are counted.
func (w *streamWorld) ServeHTTP(to http.ResponseWriter, r *http.Request) {
	user := "nobody"
	for name, token := range w.tokens {
		if r.Header.Get("Authorization") == "Bearer "+token {
			user = name
		}
	}
	w.mu.Lock()
	w.seen[user+" "+strings.TrimPrefix(r.URL.Path, "/_matrix/client/v3/")]++
	w.mu.Unlock()
	w.hs.ServeHTTP(to, r)
}

func (w *streamWorld) count(request string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[request]
}

// do asks the homeserver without a gateway.
func (w *streamWorld) do(user, method, path, body string) map[string]any {
	w.t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, "/_matrix/client/v3/"+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.tokens[user])
	rec := httptest.NewRecorder()
	w.hs.ServeHTTP(rec, r)
	require.Equal(w.t, http.StatusOK, rec.Code, rec.Body)
	var got map[string]any
	require.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), &got))
	return got
}

func (w *streamWorld) say(user, body string) {
	w.do(user, http.MethodPut, "rooms/"+url.PathEscape(w.room)+"/send/m.room.message/"+url.PathEscape(body), `{"msgtype":"m.text","body":"`+body+`"}`)
}

// register is a registration of a user.
func (w *streamWorld) register(user string, queries ...string) *endpoint.Request {
	opts := endpoint.Options{}.AddString(endpoint.URIPath, "~").AddString(endpoint.URIPath, w.room)
	for _, q := range queries {
		opts = opts.AddString(endpoint.URIQuery, q)
	}
	return &endpoint.Request{Code: endpoint.GET, Options: opts.AddString(coap.OptionAccessToken, w.tokens[user])}
}

// streamed is what an observer of a stream got.
type streamed struct {
	mu   sync.Mutex
	seen []string
	hold func()
}

func (o *streamed) deliver(t *testing.T) func(*endpoint.Response) error {
	return func(resp *endpoint.Response) error {
		payload, err := io.ReadAll(resp.Body)
		assert.NoError(t, err)
		text := ""
		if len(payload) > 0 {
			text, err = cborcodec.Diagnose(payload)
			assert.NoError(t, err)
		}
		o.mu.Lock()
		o.seen = append(o.seen, strings.TrimSpace(resp.Code.String()+" "+text))
		hold := o.hold
		o.mu.Unlock()
		if hold != nil {
			hold()
		}
		return nil
	}
}

func (o *streamed) got() []string {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.seen...)
}

func TestStream(t *testing.T) {
	inStream(t, func(t *testing.T, w *streamWorld) {
		w.say("bob", "before")
		var got streamed
		o, err := w.conn.Observe(t.Context(), w.register("alice", "k=0"), got.deliver(t))
		require.NoError(t, err)
		w.say("bob", "one")
		w.say("alice", "two")
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"2.05 {}", `2.05 {6: "bob", 27: "one"}`, `2.05 {6: "alice", 27: "two"}`}, got.got())
		require.NoError(t, o.Cancel(t.Context()))
		w.say("bob", "three")
		time.Sleep(time.Hour)
		asked := w.count("alice sync")
		time.Sleep(time.Hour)
		assert.Equal(t, asked, w.count("alice sync"), "nobody listens any more")
		assert.Len(t, got.got(), 3)
		assert.NotContains(t, w.log.String(), "three")
		assert.NotContains(t, w.log.String(), w.tokens["alice"])
	})
}

// Each stream bears the token that it was registered with, whatever the session bears later.
func TestStreamsOfTwoUsers(t *testing.T) {
	inStream(t, func(t *testing.T, w *streamWorld) {
		var alices, bobs streamed
		_, err := w.conn.Observe(t.Context(), w.register("alice", "k=0", "o=0"), alices.deliver(t))
		require.NoError(t, err)
		_, err = w.conn.Observe(t.Context(), w.register("bob", "k=0", "o=0"), bobs.deliver(t))
		require.NoError(t, err)
		w.say("bob", "to alice")
		w.say("alice", "to bob")
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"2.05 {}", `2.05 {6: "bob", 27: "to alice"}`}, alices.got())
		assert.Equal(t, []string{"2.05 {}", `2.05 {6: "alice", 27: "to bob"}`}, bobs.got())
		assert.Zero(t, w.count("nobody sync"))
	})
}

// Two clients with one token have a stream each.
func TestStreamsWithOneToken(t *testing.T) {
	inStream(t, func(t *testing.T, w *streamWorld) {
		var a, b streamed
		for _, got := range []*streamed{&a, &b} {
			_, err := w.conn.Observe(t.Context(), w.register("alice", "k=0"), got.deliver(t))
			require.NoError(t, err)
		}
		w.say("bob", "one")
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"2.05 {}", `2.05 {6: "bob", 27: "one"}`}, a.got())
		assert.Equal(t, a.got(), b.got())
	})
}

func TestStreamEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(w *streamWorld)
		want string
	}{
		{"logged out", func(w *streamWorld) { w.do("alice", http.MethodPost, "logout", "") }, "4.01"},
		{"thrown out", func(w *streamWorld) {
			w.do("bob", http.MethodPost, "rooms/"+url.PathEscape(w.room)+"/leave", "{}")
			w.do("alice", http.MethodPost, "rooms/"+url.PathEscape(w.room)+"/leave", "{}")
		}, "4.03"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inStream(t, func(t *testing.T, w *streamWorld) {
				var got streamed
				o, err := w.conn.Observe(t.Context(), w.register("alice", "k=0"), got.deliver(t))
				require.NoError(t, err)
				w.say("bob", "one")
				synctest.Wait()
				tt.end(w)
				<-o.Done()
				require.NoError(t, o.Err())
				assert.Equal(t, []string{"2.05 {}", `2.05 {6: "bob", 27: "one"}`, tt.want}, got.got())
			})
		})
	}
}

func TestStreamRefused(t *testing.T) {
	inStream(t, func(t *testing.T, w *streamWorld) {
		ask := func(path string, user string, options ...endpoint.Option) endpoint.Code {
			r := w.register(user)
			r.Options = r.Options.Remove(endpoint.URIPath).AddString(endpoint.URIPath, "~").AddString(endpoint.URIPath, path)
			for _, o := range options {
				r.Options = r.Options.Add(o.Number, o.Value)
			}
			var code endpoint.Code
			_, err := w.conn.Observe(t.Context(), r, func(resp *endpoint.Response) error { code = resp.Code; return nil })
			require.ErrorIs(t, err, endpoint.ErrNotObserved)
			return code
		}
		query := func(q string) endpoint.Option {
			return endpoint.Option{Number: endpoint.URIQuery, Value: []byte(q)}
		}
		w.tokens["mallory"] = "unknown"
		assert.Equal(t, endpoint.BadRequest, ask("room", "alice"))
		assert.Equal(t, endpoint.BadRequest, ask(w.room, "alice", query("x=1")))
		assert.Equal(t, endpoint.BadRequest, ask(w.room, "alice", query("m=5")))
		assert.Equal(t, endpoint.Unauthorized, ask(w.room, "mallory"))
		assert.Equal(t, endpoint.Forbidden, ask("!other:h", "alice"))
		assert.Equal(t, endpoint.NotFound, ask("#other", "alice"))
		assert.Equal(t, endpoint.NotAcceptable, ask(w.room, "alice", endpoint.Option{Number: endpoint.Accept, Value: []byte{50}}))
	})
}

// Content-Format is said to those who ask for it.
func TestStreamAccept(t *testing.T) {
	inStream(t, func(t *testing.T, w *streamWorld) {
		r := w.register("alice")
		r.Options = r.Options.AddUint(endpoint.Accept, 60)
		var formats []uint32
		_, err := w.conn.Observe(t.Context(), r, func(resp *endpoint.Response) error {
			format, _ := resp.Options.GetUint(endpoint.ContentFormat)
			formats = append(formats, format)
			return nil
		})
		require.NoError(t, err)
		w.say("bob", "one")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []uint32{60, 60}, formats)
	})
}

// Without Observe, and in any other form, the path is one of the homeserver.
func TestStreamShadowsNothing(t *testing.T) {
	inStream(t, func(t *testing.T, w *streamWorld) {
		resp, err := w.conn.Do(t.Context(), w.register("alice"))
		require.NoError(t, err)
		assert.Equal(t, endpoint.NotFound, resp.Code)
		assert.Equal(t, 1, w.count("alice /~/"+w.room))
		post := w.register("alice")
		post.Code = endpoint.POST
		_, err = w.conn.Do(t.Context(), post)
		require.NoError(t, err)
		assert.Equal(t, 2, w.count("alice /~/"+w.room))
		longer := w.register("alice")
		longer.Options = longer.Options.AddString(endpoint.URIPath, "x")
		_, err = w.conn.Observe(t.Context(), longer, func(*endpoint.Response) error { return nil })
		require.ErrorIs(t, err, endpoint.ErrNotObserved)
		assert.Equal(t, 1, w.count("alice /~/"+w.room+"/x"))
	})
}

func TestStreamsAreBounded(t *testing.T) {
	inStream(t, func(t *testing.T, w *streamWorld) {
		var last *endpoint.Observation
		for range 16 {
			o, err := w.conn.Observe(t.Context(), w.register("alice"), func(*endpoint.Response) error { return nil })
			require.NoError(t, err)
			last = o
		}
		var code endpoint.Code
		register := func() error {
			_, err := w.conn.Observe(t.Context(), w.register("alice"), func(resp *endpoint.Response) error { code = resp.Code; return nil })
			return err
		}
		require.ErrorIs(t, register(), endpoint.ErrNotObserved)
		assert.Equal(t, endpoint.ServiceUnavailable, code)
		require.NoError(t, last.Cancel(t.Context()))
		require.NoError(t, register())
	})
}

// A registration that is made again goes on where the stream is, also after the client was
// taken for gone.
func TestStreamRegisteredAgain(t *testing.T) {
	inStream(t, func(t *testing.T, w *streamWorld) {
		var got streamed
		r := w.register("alice", "n=1")
		w.say("bob", "zero")
		o, err := w.conn.Observe(t.Context(), r, got.deliver(t))
		require.NoError(t, err)
		w.say("bob", "one")
		time.Sleep(time.Minute)
		require.NoError(t, o.Reregister(t.Context(), r))
		w.say("bob", "two")
		time.Sleep(time.Minute)
		seen := got.got()
		bodies := regexp.MustCompile(`27: "(\w+)"`).FindAllStringSubmatch(strings.Join(seen, "\n"), -1)
		require.Len(t, bodies, 3, seen)
		for i, want := range []string{"zero", "one", "two"} {
			assert.Equal(t, want, bodies[i][1])
		}
		assert.Equal(t, 1, w.count("alice account/whoami"), "it is the same stream")
		// Where it begins does not count: the server knows what was acknowledged.
		require.NoError(t, o.Reregister(t.Context(), w.register("alice", "s=0")))
		time.Sleep(time.Minute)
		assert.Equal(t, 1, w.count("alice account/whoami"))
		require.Len(t, got.got(), len(seen)+1, "its answer, and no event")
		// Asked for something else it is another one, and so it is for another user.
		require.NoError(t, o.Reregister(t.Context(), w.register("alice", "n=2", "f=27")))
		time.Sleep(time.Minute)
		assert.Equal(t, 2, w.count("alice account/whoami"))
		require.NoError(t, o.Reregister(t.Context(), w.register("bob", "f=27")))
		time.Sleep(time.Minute)
		assert.Equal(t, 1, w.count("bob account/whoami"))
		assert.Contains(t, strings.Join(got.got()[len(seen):], "\n"), `27: "one"`)
	})
}

// A client that does not acknowledge is taken for gone; when it registers just as before it
// gets what it has not acknowledged, and what came meanwhile.
func TestStreamRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		example := exampleBytes(t)
		h := &exampleHomeserver{say: make(chan struct{})}
		nc, err := serve(t, &coap.Server{Handler: h}, nil).Dial(t.Context())
		require.NoError(t, err)
		datagrams := make(chan []byte, 100)
		go func() {
			defer close(datagrams)
			for {
				b := make([]byte, 1500)
				n, err := nc.Read(b)
				if err != nil {
					return
				}
				datagrams <- b[:n]
			}
		}()
		_, err = nc.Write(example[0])
		require.NoError(t, err)
		position := <-datagrams
		h.say <- struct{}{}
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Len(t, datagrams, 1+4, "MAX_RETRANSMIT")
		var told []byte
		for range 5 {
			told = <-datagrams
		}
		again := bytes.Clone(example[0])
		again[3]++ // the message ID
		_, err = nc.Write(again)
		require.NoError(t, err)
		answer := <-datagrams
		payload := func(b []byte) string { _, p, _ := bytes.Cut(b, []byte{0xff}); return hex.EncodeToString(p) }
		assert.Equal(t, payload(position), payload(answer))
		copied := <-datagrams
		assert.Equal(t, payload(told), payload(copied))
		assert.NotEqual(t, told[2:4], copied[2:4], "another message")
		require.NoError(t, nc.Close())
	})
}
