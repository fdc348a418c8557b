package load

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/keys"
)

// width is how many requests a client has under way.
const width = 4

// file is what the homeserver sends as the file of a name.
func file(name string) string { return strings.Repeat(name+",", 40_000/(len(name)+1)) }

// homeserver answers so that whoever asked knows whether the answer is his.
func homeserver(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if strings.HasSuffix(r.URL.Path, "/sync") {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
	if strings.Contains(r.URL.Path, "/media/") {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = io.WriteString(w, file(name))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"event_id":%q,"length":%d,"user_id":%q}`, name, len(body), r.Header.Get("Authorization"))
}

// tally is what became of all requests.
type tally struct {
	mu              sync.Mutex
	served, refused int
	took            []time.Duration // of those served that are not long-polls
	wrong           []string        // at most some
	wrongs, deaths  int
}

func (t *tally) add(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

// fail takes note of an answer that was lost or is not the right one.
func (t *tally) fail(format string, args ...any) {
	t.add(func() {
		if t.wrongs++; len(t.wrong) < 20 {
			t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
		}
	})
}

// client lives again and again until ctx ends.
func client(ctx context.Context, psk keys.PSK, host int, server net.Addr, random *rand.Rand, t *tally) {
	for n := 0; ctx.Err() == nil; n++ {
		life(ctx, psk, host, server, random, t)
		t.add(func() { t.deaths++ })
	}
}

// dial returns the client's end of sessions with a server; opened is told of their sockets.
// Each is a host of its own: a server bounds the handshakes of one.
func dial(psk keys.PSK, host int, server net.Addr, opened func(net.PacketConn)) *coap.Transport {
	return &coap.Transport{Profile: link.Default(), Dial: func(ctx context.Context) (net.Conn, error) {
		pc, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", fmt.Sprintf("127.0.%d.%d:0", 1+host/200, 1+host%200))
		if err != nil {
			return nil, err
		}
		opened(pc)
		return dtls.Dial(ctx, pc, server, dtls.Config{Profile: link.Default(), Identity: psk.Identity, Key: psk.Key})
	}}
}

// life is that of one process: it ends without a word in the middle of everything.
func life(ctx context.Context, psk keys.PSK, host int, server net.Addr, random *rand.Rand, t *tally) {
	var mu sync.Mutex
	var sockets []net.PacketConn
	transport := dial(psk, host, server, func(pc net.PacketConn) {
		mu.Lock()
		defer mu.Unlock()
		sockets = append(sockets, pc)
	})
	alive, die := context.WithCancel(context.WithoutCancel(ctx))
	var working sync.WaitGroup
	for range width {
		choice := rand.New(rand.NewPCG(random.Uint64(), 1))
		working.Go(func() {
			for alive.Err() == nil && ctx.Err() == nil {
				ask(alive, transport, psk.Identity, choice, t)
			}
		})
	}
	select {
	case <-ctx.Done(): // the last requests are answered: nobody is killed at the end
	case <-time.After(time.Duration(500+random.IntN(3000)) * time.Millisecond):
		die()
		mu.Lock()
		for _, pc := range sockets {
			_ = pc.Close()
		}
		mu.Unlock()
		_ = transport.Close() // it cannot say goodbye any more
	}
	working.Wait()
	die()
	_ = transport.Close()
}

// ask makes one request of any kind and looks at the answer. What the death of the client took away is
// not missed.
func ask(alive context.Context, transport http.RoundTripper, user string, choice *rand.Rand, t *tally) {
	name := strconv.FormatUint(choice.Uint64(), 36)
	method, path, length := http.MethodPut, "/_matrix/client/v3/rooms/!r:hs/send/m.room.message/"+name, 60+choice.IntN(400)
	waits := false
	switch choice.IntN(10) {
	case 0:
		method, path, length = http.MethodGet, "/_matrix/client/v1/media/download/hs/"+name, 0
	case 1:
		method, path, length = http.MethodPost, "/_matrix/client/v3/keys/upload/"+name, 6000
	case 2, 3:
		method, path, length, waits = http.MethodGet, "/_matrix/client/v3/sync", 0, true
	}
	if waits {
		name = "sync"
	}
	send(alive, transport, user, name, method, path, length, waits, t)
}

// send makes a request with a body of that length. name is what the homeserver is to answer
// with; waits marks a long-poll.
func send(alive context.Context, transport http.RoundTripper, user, name, method, path string, length int, waits bool, t *tally) {
	var body io.Reader
	if length > 0 {
		body = strings.NewReader(`{"body":"` + strings.Repeat("m", length-len(`{"body":""}`)) + `"}`)
	}
	// Not alive: a request that was begun is answered, unless the client dies.
	r, err := http.NewRequestWithContext(context.WithoutCancel(alive), method, "http://link"+path, body)
	if err != nil {
		t.fail("%v", err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+user)
	if length > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	begin := time.Now()
	res, err := transport.RoundTrip(r)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	switch {
	case err != nil && alive.Err() != nil:
	case err != nil:
		t.fail("%s %s: %v", method, path, err)
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable:
		if after, err := strconv.Atoi(res.Header.Get("Retry-After")); err != nil || after < 1 || !strings.Contains(string(text), "errcode") {
			t.fail("%d without Retry-After: %s", res.StatusCode, text)
		}
		t.add(func() { t.refused++ })
		time.Sleep(50 * time.Millisecond) // less than it was asked for
	case res.StatusCode != http.StatusOK:
		t.fail("%s %s: %d %s", method, path, res.StatusCode, text)
	case strings.Contains(path, "/media/") && string(text) != file(name):
		t.fail("a file of %d bytes that is another one", len(text))
	case !strings.Contains(path, "/media/") && string(text) != fmt.Sprintf(`{"event_id":%q,"length":%d,"user_id":%q}`, name, length, "Bearer "+user):
		t.fail("%s %s of %s: %s", method, path, user, text)
	default:
		t.add(func() {
			t.served++
			if !waits {
				t.took = append(t.took, time.Since(begin))
			}
		})
	}
}
