package vectors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/pipe"
)

// httpMessage is an HTTP request or response at one of both ends.
type httpMessage struct {
	method, target string
	status         int
	headers        []string
	body           string
}

func (m httpMessage) String() string {
	return fmt.Sprintf("%s %s %d %q %q", m.method, m.target, m.status, m.headers, m.body)
}

func (m httpMessage) equal(o httpMessage) bool {
	return m.method == o.method && m.target == o.target && m.status == o.status && m.body == o.body && slices.Equal(m.headers, o.headers)
}

// linesOf are the lines of a header, sorted.
func linesOf(h http.Header) (lines []string) {
	for name, values := range h {
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	slices.Sort(lines)
	return lines
}

func headerOf(lines []string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, v, _ := strings.Cut(line, ": ")
		h.Add(name, v)
	}
	return h
}

// queue are HTTP messages that came out at an end.
type queue struct {
	mu  sync.Mutex
	got []arrival
}

// arrival is a message with the number of its request.
type arrival struct {
	n int
	httpMessage
}

func (q *queue) put(a arrival) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.got = append(q.got, a)
}

func (q *queue) take() (a arrival, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.got) == 0 {
		return a, false
	}
	a, q.got = q.got[0], q.got[1:]
	return a, true
}

// end is one of our own ends.
type end struct {
	// far is the other end of its connection, which the test has.
	far *pipe.Conn
	// arrived are responses at the client and requests at the server.
	arrived queue
	stop    func() error

	// ask makes a request of the client, answer answers one at the server.
	ask    func(n int, m httpMessage)
	answer func(n int, m httpMessage) error
}

// newClient is a Transport whose connection leads to the test.
func newClient(t *coap.Transport, around func(http.RoundTripper) http.RoundTripper) *end {
	near, far := pipe.New(nil)
	e := &end{far: far}
	var dialled bool
	t.Dial = func(context.Context) (net.Conn, error) {
		if dialled {
			return nil, errors.New("a second connection")
		}
		dialled = true
		return near, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	var rt http.RoundTripper = t
	if around != nil {
		rt = around(t)
	}
	e.ask = func(n int, m httpMessage) {
		asking.Go(func() {
			got, err := roundTrip(ctx, rt, m)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				got = httpMessage{body: "error: " + err.Error()}
			}
			e.arrived.put(arrival{n, got})
		})
	}
	e.stop = func() error {
		cancel()
		err := t.Close()
		asking.Wait()
		return err
	}
	return e
}

// roundTrip makes a request. An error of the Transport is what an HTTP client is told.
func roundTrip(ctx context.Context, rt http.RoundTripper, m httpMessage) (httpMessage, error) {
	u, err := url.ParseRequestURI(m.target)
	if err != nil {
		return httpMessage{}, err
	}
	r := (&http.Request{Method: m.method, URL: u, Header: headerOf(m.headers), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if m.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(m.body)), int64(len(m.body))
	}
	resp, err := rt.RoundTrip(r)
	var own *coap.Error
	if errors.As(err, &own) {
		return httpMessage{status: own.Status, headers: []string{"Content-Type: application/json"}, body: string(own.Body())}, nil
	}
	if err != nil {
		return httpMessage{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return httpMessage{}, err
	}
	return httpMessage{status: resp.StatusCode, headers: linesOf(resp.Header), body: string(body)}, nil
}

// newServer is a Server that has accepted a connection to the test, in front of a homeserver which answers
// when it is told to.
func newServer(s *coap.Server) *end {
	far, near := pipe.New(nil)
	e := &end{far: far}
	var mu sync.Mutex
	answers := map[int]chan httpMessage{}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // of a request that did not arrive whole nobody hears
		}
		mu.Lock()
		n := len(answers) + 1
		answer := make(chan httpMessage, 1)
		answers[n] = answer
		mu.Unlock()
		e.arrived.put(arrival{n, httpMessage{method: r.Method, target: r.RequestURI, headers: linesOf(r.Header), body: string(body)}})
		select {
		case m := <-answer:
			for name, values := range headerOf(m.headers) {
				w.Header()[name] = values
			}
			w.WriteHeader(m.status)
			_, _ = io.WriteString(w, m.body)
		case <-r.Context().Done():
		}
	})
	e.answer = func(n int, m httpMessage) error {
		mu.Lock()
		defer mu.Unlock()
		if answers[n] == nil {
			return fmt.Errorf("request %d has not come", n)
		}
		answers[n] <- m
		return nil
	}
	l := pipe.Listen(nil)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	_ = l.Offer(ctx, near) // nothing ends before it is accepted
	e.stop = func() error {
		cancel()
		return <-served
	}
	return e
}

// hear gives a datagram to the end.
func (e *end) hear(d []byte) error {
	_, err := e.far.Write(d)
	return err
}

// profileOf reads the link parameters of a vector.
func profileOf(text string) (link.Profile, error) {
	if text == "" {
		return link.Default(), nil
	}
	return link.Parse(text)
}
