package footprint

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/people"
)

// Limits of the address space, in the kB of ulimit -v. Go's FIPS module reserves 32 MB that
// are never used; untouched leaves them out of account.
const (
	limit64   = 64 << 10
	untouched = 32 << 10
)

// goMemory is what the service of a router tells Go (packaging/openwrt).
const goMemory = "GOMEMLIMIT=16MiB"

// TestIn64MB has the kernel refuse whatever goes beyond a machine's memory: code, constants,
// heap, stacks, all that is mapped. What is resident is less. A 32-bit program without an
// emulator shows it.
func TestIn64MB(t *testing.T) {
	a := targetNamed(t, "386")
	w := newWorld(t, targetNamed(t, "amd64").build(t, programs[0], t.TempDir()))
	file := a.build(t, programs[1], t.TempDir())
	t.Run("conversation", func(t *testing.T) {
		took := w.converse(t, a.within(limit64), file)
		t.Logf("resident: %d kB, of which %d are its own", took.used.total(), took.used.own)
	})
	// The largest bodies that it takes by default, two at once, do not bring it down either.
	t.Run("media", func(t *testing.T) {
		a := a.within(limit64 + untouched)
		g := w.connect(t, a, file, filepath.Join(t.TempDir(), "state"))
		most := g.watch(a)
		c := &user{&people.Person{Base: g.client.Base, Token: w.alice.Token}, t}
		content := make([]byte, 4<<20)
		for i := range content {
			content[i] = byte(rand.Uint32())
		}
		var exchanges sync.WaitGroup
		for range 2 {
			exchanges.Go(func() {
				got, err := c.media(content)
				if assert.NoError(t, err) {
					assert.True(t, bytes.Equal(content, got))
				}
			})
		}
		exchanges.Wait()
		used := most()
		t.Logf("resident: %d kB, of which %d are its own", used.total(), used.own)
		g.stop()
	})
}

// The init script says what the test says.
func TestServiceLimitsMemory(t *testing.T) {
	text, err := os.ReadFile("../../packaging/openwrt/coapgw-connect.init")
	require.NoError(t, err)
	assert.Contains(t, string(text), "procd_set_param env "+goMemory+"\n")
}

// media uploads something and returns what the homeserver has of it then.
func (u *user) media(content []byte) ([]byte, error) {
	send := func(method, path string, body io.Reader) (*http.Response, error) {
		r, err := http.NewRequestWithContext(u.t.Context(), method, u.Base+path, body)
		if err != nil {
			return nil, err
		}
		r.Header.Set("Authorization", "Bearer "+u.Token)
		r.Header.Set("Content-Type", "image/png")
		return http.DefaultClient.Do(r)
	}
	up, err := send("POST", "/_matrix/media/v3/upload", bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	defer up.Body.Close()
	var answer struct {
		URI string `json:"content_uri"`
	}
	if err := json.NewDecoder(up.Body).Decode(&answer); err != nil {
		return nil, err
	}
	down, err := send("GET", "/_matrix/media/v3/download/"+answer.URI[len("mxc://"):], nil)
	if err != nil {
		return nil, err
	}
	defer down.Body.Close()
	return io.ReadAll(down.Body)
}
