package endpoint

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"testing"
	"time"
)

// benchPair is a client and a server over memory, with a lifetime so short that
// neither the supply of message IDs nor deduplication is a limit.
func benchPair(b *testing.B, h Handler) (client, server *Conn) {
	b.Helper()
	cfg := Config{Profile: testProfile(), Handler: h}
	cfg.Profile.AckTimeout = 20 * time.Millisecond
	cfg.Profile.MaxRetransmit = 1
	cfg.Profile.MaxLatency = time.Millisecond
	cfg.Profile.EmptyAckDelay = time.Second
	x, y := datagramPipe()
	client, server = New(x, cfg), New(y, cfg)
	b.Cleanup(func() {
		client.Close()
		server.Close()
		client.Wait()
		server.Wait()
	})
	return client, server
}

// BenchmarkExchange is one piggybacked exchange, both sides.
func BenchmarkExchange(b *testing.B) {
	body := testBody(100)
	client, _ := benchPair(b, HandlerFunc(func(context.Context, *Request) *Response {
		return &Response{Code: Content, Body: bytes.NewReader(body), Size: int64(len(body))}
	}))
	r := get("_matrix/client/r0/sync")
	b.ReportAllocs()
	for b.Loop() {
		resp, err := client.Do(context.Background(), r)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != 100 || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkTransfer is a body of 1 MiB up and down, both sides.
func BenchmarkTransfer(b *testing.B) {
	const size = 1 << 20
	body := testBody(size)
	client, _ := benchPair(b, HandlerFunc(func(_ context.Context, r *Request) *Response {
		io.Copy(io.Discard, r.Body)
		return &Response{Code: Content, Body: bytes.NewReader(body), Size: size}
	}))
	b.ReportAllocs()
	b.SetBytes(2 * size)
	for b.Loop() {
		r := get("x")
		r.Code, r.Body, r.Size = POST, bytes.NewReader(body), size
		resp, err := client.Do(context.Background(), r)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			b.Fatal(n, err)
		}
	}
}

// BenchmarkCodec is one message there and back.
func BenchmarkCodec(b *testing.B) {
	m := Message{Code: POST, MessageID: 1, Token: []byte{1}, Options: get("_matrix/client/r0/sync").Options, Payload: testBody(100)}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = AppendMessage(buf[:0], &m)
		if _, err := ParseMessage(buf); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkIdleSession reports the memory of a session that has answered one
// request, with the stack of its goroutine.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 1000
	for b.Loop() {
		var before, after runtime.MemStats
		peers := make([]*datagrams, sessions)
		conns := make([]*Conn, sessions)
		ends := make([]*datagrams, sessions)
		for i := range peers {
			ends[i], peers[i] = smallPipe()
		}
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range conns {
			conns[i] = New(ends[i], Config{Profile: testProfile(), Handler: answer(Content, "x")})
			peers[i].Write([]byte{0x41, 1, 0, 1, 1})
			<-peers[i].in
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/sessions, "B/session")
		for _, c := range conns {
			c.Close()
			c.Wait()
		}
	}
}

func smallPipe() (a, b *datagrams) {
	ab, ba := make(chan []byte, 2), make(chan []byte, 2)
	a = &datagrams{in: ba, out: ab, done: make(chan struct{}), errs: make(chan error)}
	b = &datagrams{in: ab, out: ba, done: make(chan struct{}), errs: make(chan error)}
	return a, b
}

// BenchmarkBulk is BenchmarkTransfer between two coapgw (RFC 9177).
func BenchmarkBulk(b *testing.B) {
	const size = 1 << 20
	body := testBody(size)
	client, server := benchPair(b, HandlerFunc(func(_ context.Context, r *Request) *Response {
		io.Copy(io.Discard, r.Body)
		return &Response{Code: Content, Body: bytes.NewReader(body), Size: size}
	}))
	client.SetPeer(testProfile())
	server.SetPeer(testProfile())
	b.ReportAllocs()
	b.SetBytes(2 * size)
	for b.Loop() {
		r := get("x")
		r.Code, r.Body, r.Size = POST, bytes.NewReader(body), size
		resp, err := client.Do(context.Background(), r)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
			b.Fatal(n, err)
		}
	}
}
