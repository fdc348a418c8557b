package policy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/policy"
	"github.com/coapgw/coapgw/conformance/inprocess"
	"github.com/coapgw/coapgw/conformance/virtual"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// picture is long enough for the link to go in the middle of it.
var picture = func() string {
	var b strings.Builder
	for i := range 25_000 {
		fmt.Fprintf(&b, "%08d", i)
	}
	return b.String()
}()

// TestInterruptedDownload: a link goes in the middle of a file and comes back when the
// transfer has long been given up; or the client loses its patience. What came before
// does not come again, with one exception: a client that has lost its patience and asks for
// a range gets it beside the whole, which goes on for the client who may come back.
func TestInterruptedDownload(t *testing.T) {
	for name, tt := range map[string]struct {
		open     time.Duration // of each hour
		patience time.Duration // of the first try; 0: as long as it takes
		ranged   bool          // the client asks for what it has not got
		most     int           // bytes down, of all tries
	}{
		"anew after an outage":        {20 * time.Second, 0, false, 260_000},
		"with Range after an outage":  {20 * time.Second, 0, true, 260_000},
		"anew after losing patience":  {time.Hour, 20 * time.Second, false, 260_000},
		"with Range, out of patience": {time.Hour, 20 * time.Second, true, 400_000},
	} {
		t.Run(name, func(t *testing.T) {
			p := profile(t, "gprs")
			cfg := clean(p)
			if tt.open < time.Hour {
				cfg.Contact = linkemu.Contact{Window: tt.open, Period: time.Hour}
			}
			hs := &fakeHome{}
			virtual.Run(t, virtual.Config{Client: p, Link: cfg, Homeserver: hs}, func(pair *virtual.Pair) {
				t := pair.T
				hs.Transport = inprocess.Transport{Handler: fakehs.New(fakehs.Config{Seed: 1})}
				alice := register(t, hs, "alice")
				uri := alice.want("POST", "/_matrix/media/v3/upload", picture)["content_uri"].(string)
				path := "/_matrix/client/v1/media/download/" + strings.TrimPrefix(uri, "mxc://")
				count := &counter{}
				pair.Link.Tap(count.packet)
				joined := &join.Transport{Base: pair.Transport, Profile: p}
				defer joined.Close()
				client := &policy.Transport{Base: joined, Profile: p}
				defer client.Close()

				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if tt.patience > 0 {
					ctx, cancel = context.WithTimeout(ctx, tt.patience)
				}
				defer cancel()
				got := read(ctx, t, client, alice.token, path, 0)
				require.Less(t, len(got), len(picture))
				assert.Equal(t, picture[:len(got)], got)
				_, before := count.read()
				require.Greater(t, before, 50_000, "it went in the middle")
				for tries := 0; len(got) < len(picture); tries++ {
					require.Less(t, tries, 50)
					time.Sleep(10 * time.Second)
					if !tt.ranged {
						got = read(t.Context(), t, client, alice.token, path, 0)
						continue
					}
					got += read(t.Context(), t, client, alice.token, path, len(got))
				}
				assert.Equal(t, picture, got)
				_, down := count.read()
				assert.Less(t, down, tt.most)
			})
		})
	}
}

// fakeHome is a homeserver that begins later.
type fakeHome struct{ inprocess.Transport }

// read reads a file from an offset, as far as it comes.
func read(ctx context.Context, t *testing.T, client http.RoundTripper, token, path string, from int) string {
	t.Helper()
	r := newRequest(t, "GET", path, token, "", "").WithContext(ctx)
	if from > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := client.RoundTrip(r)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	if from > 0 && resp.StatusCode != http.StatusPartialContent {
		return ""
	}
	body, _ := io.ReadAll(resp.Body) // as far as it came
	return string(body)
}
