package matrix

import (
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

func TestMedia(t *testing.T) {
	eachRoute(t, func(t *testing.T, r route) {
		ctx := scenarioContext(t)
		alice, bob := newUser(ctx, t, r, "alice"), newUser(ctx, t, r, "bob")

		tests := []struct {
			name        string
			size        int
			contentType string
			fileName    string
		}{
			{"one byte", 1, "application/octet-stream", "one.bin"},
			{"1 MB", 1 << 20, "image/png", "Skærgård&50%#1.png"},
			{"10 MB", 10_000_000, "application/octet-stream", "chart.bin"},
			{"type with a parameter", 1000, "text/plain; charset=utf-8", "notes.txt"},
			{"without a name", 300, "image/jpeg", ""},
		}
		for i, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				content := randomBytes(uint64(i), test.size)
				up, err := alice.UploadMedia(ctx, mautrix.ReqUploadMedia{
					ContentBytes: content, ContentType: test.contentType, FileName: test.fileName,
				})
				require.NoError(t, err)

				resp, err := bob.Download(ctx, up.ContentURI)
				require.NoError(t, err)
				defer resp.Body.Close()
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.Equal(t, len(content), len(got))
				// Not Equal on the slices: its message would print 10 MB.
				require.True(t, string(content) == string(got), "the bytes differ")
				require.Equal(t, http.StatusOK, resp.StatusCode)
				require.Equal(t, test.contentType, resp.Header.Get("Content-Type"))
				_, params, err := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
				require.NoError(t, err)
				require.Equal(t, test.fileName, params["filename"])
			})
		}

		unknown := id.ContentURI{Homeserver: "localhost", FileID: "unknown"}
		_, err := bob.Download(ctx, unknown)
		requireError(t, err, http.StatusNotFound, mautrix.MNotFound)
	})
}

// randomBytes returns the same size incompressible bytes for the same seed.
func randomBytes(seed uint64, size int) []byte {
	var key [32]byte
	key[0] = byte(seed)
	content := make([]byte, size)
	// ChaCha8 never returns an error.
	_, _ = rand.NewChaCha8(key).Read(content)
	return content
}
