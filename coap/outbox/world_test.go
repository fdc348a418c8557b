package outbox

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/answers"
	"github.com/coapgw/coapgw/coap/txn"
)

const v3 = "/_matrix/client/v3/"

// far is one life of the far gateway.
type far struct {
	handler http.Handler
	mount   *mount
	life    context.Context
	end     context.CancelFunc
}

// near is one life of the near gateway.
type near struct {
	*Transport
	mount *mount
}

// world is two gateways, a link and a homeserver.
type world struct {
	t          *testing.T
	luck       *luck
	homeserver *homeserver
	wg         sync.WaitGroup
	setup      setup

	nearDisk, farDisk *disk

	mu    sync.Mutex
	far   *far
	near  *near // nil while it does not run
	up    bool  // the link
	loss  int   // percent of what is lost on a link that is up, each way
	tries int   // requests on the link
}

// setup says what is broken on purpose.
type setup struct {
	forgetful bool // the far gateway keeps no answers
	volatile  bool // the near gateway keeps nothing over a restart
	hasty     bool // the near gateway has no outbox
	amnesiac  bool // the homeserver forgets what nobody else knows
	configure func(*Transport)
}

func newWorld(t *testing.T, seed uint64, s setup) *world {
	l := newLuck(seed)
	w := &world{t: t, luck: l, homeserver: newHomeserver(l), setup: s, nearDisk: &disk{luck: l}, farDisk: &disk{luck: l}, up: true}
	w.startFar()
	w.startNear()
	return w
}

func (w *world) startFar() {
	f := &far{mount: &mount{disk: w.farDisk}}
	f.life, f.end = context.WithCancel(context.Background())
	book := &answers.Book{Store: f.mount, Prefix: "answers/"}
	require.NoError(w.t, book.Open())
	f.handler = &answers.Handler{Next: w.homeserver, Book: book}
	if w.setup.forgetful {
		f.handler = w.homeserver
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.far = f
}

// crashFar lets the far gateway die, and a new one begin.
func (w *world) crashFar() {
	w.mu.Lock()
	f := w.far
	w.mu.Unlock()
	f.mount.dead.Store(true)
	f.end()
	w.startFar()
}

func (w *world) startNear() {
	if w.setup.volatile {
		w.nearDisk = &disk{luck: w.luck}
	}
	n := &near{mount: &mount{disk: w.nearDisk}}
	n.Transport = &Transport{Base: radio{w}, Store: n.mount}
	if w.setup.configure != nil {
		w.setup.configure(n.Transport)
	}
	require.NoError(w.t, n.Start())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.near = n
}

// crashNear lets the near gateway die; it is back after a while.
func (w *world) crashNear(down time.Duration) {
	w.mu.Lock()
	n := w.near
	w.near = nil
	w.mu.Unlock()
	if n == nil {
		return
	}
	n.mount.dead.Store(true)
	require.NoError(w.t, n.Close())
	time.Sleep(down)
	w.startNear()
}

func (w *world) gateway() *near {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.near
}

// stop ends everything.
func (w *world) stop() {
	w.wg.Wait()
	require.NoError(w.t, w.near.Close())
	w.far.end()
}

func (w *world) setLink(up bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.up = up
}

// carries reports whether something crosses the link now.
func (w *world) carries() bool {
	w.mu.Lock()
	up, loss := w.up, w.loss
	w.mu.Unlock()
	return up && !w.luck.percent(loss)
}

// radio is the link and what speaks over it: requests and answers get lost, and arrive a
// second time long after.
type radio struct{ *world }

// RoundTrip implements http.RoundTripper.
func (w radio) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.tries++
	up := w.up
	w.mu.Unlock()
	if !up && w.luck.percent(50) {
		return nil, &coap.Error{Status: 502, ErrCode: "M_UNKNOWN", Message: "no session"}
	}
	body := ""
	if r.Body != nil {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(content)
	}
	if w.carries() && w.luck.percent(10) {
		late := w.luck.upTo(10 * time.Minute)
		w.wg.Go(func() {
			time.Sleep(late)
			w.deliver(context.Background(), r, body)
		})
	}
	arrived := make(chan *http.Response, 1)
	w.wg.Go(func() {
		time.Sleep(w.luck.upTo(3 * time.Second))
		if !w.carries() {
			return
		}
		resp := w.deliver(r.Context(), r, body)
		time.Sleep(w.luck.upTo(3 * time.Second))
		if resp != nil && w.carries() {
			arrived <- resp
		}
	})
	select {
	case resp := <-arrived:
		resp.Request = r
		return resp, nil
	case <-time.After(20 * time.Second):
		return nil, &coap.Error{Status: 504, ErrCode: "M_UNKNOWN", Message: "no answer"}
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// deliver gives a request to the far gateway that lives by now; the answer is nil when that
// one dies before it has it.
func (w radio) deliver(ctx context.Context, r *http.Request, body string) (resp *http.Response) {
	w.mu.Lock()
	f := w.far
	w.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(f.life, cancel)()
	in := httptest.NewRequestWithContext(ctx, r.Method, r.URL.RequestURI(), strings.NewReader(body))
	in.Header = r.Header.Clone()
	out := httptest.NewRecorder()
	defer func() {
		if cause := recover(); cause != nil {
			if cause != http.ErrAbortHandler {
				panic(cause)
			}
			out.Code = http.StatusBadGateway
		}
		if f.life.Err() == nil {
			if out.Code == http.StatusOK {
				w.homeserver.settle(r)
			}
			resp = out.Result()
		}
	}()
	f.handler.ServeHTTP(out, in)
	return nil
}

// put is what a client asks.
func put(ctx context.Context, t *testing.T, token, target, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, "PUT", "coap://gateway"+target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// accepted reports whether a message is in the queue, or has an answer.
func (w *world) accepted(token, target, body string) bool {
	n := w.gateway()
	if n == nil {
		return false
	}
	r := put(context.Background(), w.t, token, target, body)
	key := txn.Key(txn.User(r), r, []byte(body))
	n.mu.Lock()
	defer n.mu.Unlock()
	it := n.byKey[key]
	return it != nil && it.stored || n.answers.Has(key)
}

// ask sends a message once, for as long as the client is patient.
func (w *world) ask(patience time.Duration, token, target, body string) (status int, answer string, err error) {
	n := w.gateway()
	if n == nil {
		return 0, "", errDead
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	carrier := http.RoundTripper(n)
	if w.setup.hasty {
		carrier = n.Base
	}
	resp, err := carrier.RoundTrip(put(ctx, w.t, token, target, body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}
