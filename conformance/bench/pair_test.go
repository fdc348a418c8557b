//go:build unix

package bench

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pair is a homeserver with a pair in front of it, and an HTTP client behind.
type pair struct {
	serve, connect *process
	client         *http.Client
}

func startPair(tb testing.TB) *pair {
	p := &pair{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	p.serve = start(tb, "serve", start(tb, "homeserver").address)
	p.connect = start(tb, "connect", p.serve.address)
	tb.Cleanup(p.client.CloseIdleConnections)
	return p
}

// cpu is what both sides have used so far.
func (p *pair) cpu() (serve, connect time.Duration) {
	return p.serve.sample(askCPU).CPU, p.connect.sample(askCPU).CPU
}

// send makes one request of the kind that clients make most.
func send(via http.RoundTripper, base string, txn int64) error {
	r, err := http.NewRequest("PUT", fmt.Sprint(base, sendPath, txn), strings.NewReader(`{"msgtype":"m.text","body":"hello world"}`))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer syt_YWxpY2U_abcdefghijklmnopqrst_0nN3Zb")
	return finish(via, r)
}

// finish makes a request and reads the answer, which must be a 200.
func finish(via http.RoundTripper, r *http.Request) error {
	resp, err := via.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", r.Method, r.URL.Path, resp.Status)
	}
	return nil
}

const (
	// warmUp is how many requests are made before the measurement: sessions,
	// connections and pools are there then.
	warmUp = 200
	// perPair is how many requests one pair is measured with. A session has to
	// remember each for EXCHANGE_LIFETIME (RFC 7252 §4.5) and refuses those above
	// a bound, which a benchmark reaches within seconds.
	perPair = 5000
)

// BenchmarkProxiedRequest sends messages through the pair over loopback, with DTLS
// and a key: what a request costs each side, and how many go through in a second.
func BenchmarkProxiedRequest(b *testing.B) {
	for _, clients := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			var serve, connect, took time.Duration
			b.StopTimer()
			for left := int64(b.N); left > 0; left -= perPair {
				p := startPair(b)
				require.NoError(b, p.sendAll(warmUp, 1))
				serveBefore, connectBefore := p.cpu()
				start := time.Now()
				b.StartTimer()
				require.NoError(b, p.sendAll(min(left, perPair), clients))
				b.StopTimer()
				took += time.Since(start)
				serveAfter, connectAfter := p.cpu()
				serve += serveAfter - serveBefore
				connect += connectAfter - connectBefore
			}
			b.ReportMetric(micros(serve)/float64(b.N), "cpu-µs/req/serve")
			b.ReportMetric(micros(connect)/float64(b.N), "cpu-µs/req/connect")
			b.ReportMetric(float64(b.N)/took.Seconds(), "req/s")
		})
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// sendAll sends n messages, that many at a time.
func (p *pair) sendAll(n int64, clients int) error {
	var next atomic.Int64
	var running sync.WaitGroup
	errs := make(chan error, clients)
	for range clients {
		running.Go(func() {
			for txn := next.Add(1); txn <= n; txn = next.Add(1) {
				if err := send(p.client.Transport, p.connect.address, txn); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(errs)
	return <-errs
}

// BenchmarkTransfer carries a file of 10 MiB through the pair.
func BenchmarkTransfer(b *testing.B) {
	file := strings.Repeat("0123456789abcdef", mediaSize/16)
	for _, direction := range []struct {
		name, method, path, body string
	}{
		{"upload", "POST", uploadPath, file},
		{"download", "GET", downloadPath, ""},
	} {
		b.Run(direction.name, func(b *testing.B) {
			p := startPair(b)
			serve, connect := p.cpu()
			b.SetBytes(mediaSize)
			for b.Loop() {
				r, err := http.NewRequest(direction.method, p.connect.address+direction.path, strings.NewReader(direction.body))
				require.NoError(b, err)
				r.Header.Set("Content-Type", "image/jpeg")
				require.NoError(b, finish(p.client.Transport, r))
			}
			serveAfter, connectAfter := p.cpu()
			b.ReportMetric(micros(serveAfter-serve)/float64(b.N)/(mediaSize>>10), "cpu-µs/kB/serve")
			b.ReportMetric(micros(connectAfter-connect)/float64(b.N)/(mediaSize>>10), "cpu-µs/kB/connect")
		})
	}
}
