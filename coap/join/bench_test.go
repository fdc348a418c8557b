package join

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// instant answers at once.
type instant struct{}

// RoundTrip implements http.RoundTripper.
func (instant) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return reply(http.StatusOK, `{"event_id":"$e"}`), nil
}

// BenchmarkRoundTrip is what a request costs that is never repeated, by kind, beside
// the same without Transport.
func BenchmarkRoundTrip(b *testing.B) {
	joined := &Transport{Base: instant{}}
	defer joined.Close()
	for _, bb := range []struct {
		name, method, target string
		via                  http.RoundTripper
	}{
		{"without", http.MethodPut, send, instant{}},
		{"POST", http.MethodPost, v3 + "x", joined},
		{"GET", http.MethodGet, v3 + "x", joined},
		{"PUT", http.MethodPut, send, joined},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				var body io.Reader
				if bb.method != http.MethodGet {
					body = strings.NewReader(text)
				}
				r, err := http.NewRequestWithContext(context.Background(), bb.method, bb.target+strconv.Itoa(n), body)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer token")
				resp, err := bb.via.RoundTrip(r)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
	}
}
