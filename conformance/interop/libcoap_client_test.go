package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// libcoap is Debian's coap-client towards a coapgw serve.
type libcoap struct {
	program string
	args    []string // credentials
	base    string   // of URIs
}

// answer is what coap-client made of a response.
type answer struct {
	content string
	// complaint is the code and the content of an error, and what the client
	// itself has to say.
	complaint string
}

// do makes one request.
func (c libcoap) do(t *testing.T, path string, args ...string) answer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "content") // on standard output it adds a line feed
	args = append(append(append([]string(nil), c.args...), args...), "-o", file, c.base+path)
	out, err := execute(t, c.program, args...)
	require.NoError(t, err, out.stderr)
	content, err := os.ReadFile(file)
	if err != nil { // there was none
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	return answer{string(content), out.stdout + out.stderr}
}

// libcoapVariants are the TLS libraries that Debian builds coap-client with.
func libcoapVariants() []string { return []string{"openssl", "gnutls"} }

// credential is a TLS library and what coap-client shows or asks for.
type credential struct {
	name, tls string
	args      func(s *serve) []string
}

// libcoapCredentials are every TLS library with every kind of credential.
func libcoapCredentials() (all []credential) {
	for _, variant := range libcoapVariants() {
		all = append(all,
			credential{variant + "/psk", variant, func(*serve) []string { return []string{"-u", pskIdentity, "-k", pskKey} }},
			credential{variant + "/certificate", variant, func(s *serve) []string { return []string{"-C", s.ca} }})
	}
	return all
}

// eachLibcoap runs a test for every TLS library and kind of credential.
func eachLibcoap(t *testing.T, test func(t *testing.T, c libcoap, h *homeserver)) {
	for _, variant := range libcoapCredentials() {
		t.Run(variant.name, func(t *testing.T) {
			t.Parallel()
			h := startHomeserver(t)
			s := startServe(t, h.Server)
			test(t, libcoap{program: debian(t, "coap-client-"+variant.tls), args: variant.args(s), base: "coaps://" + s.addr}, h)
		})
	}
}

func TestLibcoapRequests(t *testing.T) {
	eachLibcoap(t, func(t *testing.T, c libcoap, h *homeserver) {
		for _, tc := range []struct {
			name, path string
			args       []string
			want       seen
		}{
			{"full path", "/_matrix/client/v3/account/whoami?a=b&c=%20d%26%25", nil,
				seen{Method: "GET", Target: "/_matrix/client/v3/account/whoami?a=b&c=%20d%26%25"}},
			{"enum", "/0", nil, seen{Method: "GET", Target: "/_matrix/client/versions"}},
			{"enum with parameters", "/9/!room:host/m.room.message/t1", []string{"-m", "put", "-t", "50", "-e", `{"body":"x"}`},
				seen{Method: "PUT", Target: "/_matrix/client/r0/rooms/!room:host/send/m.room.message/t1", ContentType: "application/json", Body: `{"body":"x"}`}},
			{"slash in a segment", "/_matrix/client/v3/join/%23a%2Fb:host", []string{"-m", "post"},
				seen{Method: "POST", Target: "/_matrix/client/v3/join/%23a%2Fb:host"}},
			{"delete", "/_matrix/client/v3/room", []string{"-m", "delete"},
				seen{Method: "DELETE", Target: "/_matrix/client/v3/room"}},
			{"not confirmable", "/0", []string{"-N"}, seen{Method: "GET", Target: "/_matrix/client/versions"}},
			{"unknown elective option", "/0", []string{"-O", "65002,x"}, seen{Method: "GET", Target: "/_matrix/client/versions"}},
			{"token", "/0", []string{"-O", "256,secret"},
				seen{Method: "GET", Target: "/_matrix/client/versions", Token: "Bearer secret"}},
			{"token with its scheme", "/0", []string{"-O", "256,Bearer secret"},
				seen{Method: "GET", Target: "/_matrix/client/versions", Token: "Bearer secret"}},
			{"version", "/0", []string{"-O", "257,0x01"}, seen{Method: "GET", Target: "/_matrix/client/versions"}},
		} {
			t.Run(tc.name, func(t *testing.T) {
				out := c.do(t, tc.path, append(tc.args, "-A", "50")...)
				got := h.take()
				assert.Equal(t, tc.want, got)
				var answer map[string]any
				require.NoError(t, json.Unmarshal([]byte(out.content), &answer), "%q %s", out.content, out.complaint)
				assert.Equal(t, got.Method+" "+got.Target, answer["heard"])
			})
		}
	})
}

// Uploads arrive whole and once, whatever the size of blocks (RFC 7959 §2.5).
func TestLibcoapUploads(t *testing.T) {
	eachLibcoap(t, func(t *testing.T, c libcoap, h *homeserver) {
		file := func(name string, content []byte) string {
			path := filepath.Join(t.TempDir(), name)
			require.NoError(t, os.WriteFile(path, content, 0o600))
			return path
		}
		event := func(n int) map[string]any {
			return map[string]any{"msgtype": "m.text", "body": strings.Repeat("böö ", n/5)}
		}
		for _, tc := range []struct {
			method    string
			size      int
			blockSize int // 0: the client's own
		}{
			{"put", 3000, 0}, {"put", 3000, 16}, {"post", 3000, 64}, {"put", 20_000, 256}, {"post", 20_000, 512}, {"put", 100_000, 1024},
		} {
			asJSON, err := json.Marshal(event(tc.size))
			require.NoError(t, err)
			asCBOR, err := cbor.Marshal(event(tc.size))
			require.NoError(t, err)
			blocks := []string{}
			if tc.blockSize > 0 {
				blocks = []string{"-b", fmt.Sprint(tc.blockSize)}
			}
			for format, content := range map[string][]byte{"50": asJSON, "60": asCBOR} {
				t.Run(fmt.Sprintf("%s %d in blocks of %d, format %s", tc.method, tc.size, tc.blockSize, format), func(t *testing.T) {
					args := append([]string{"-m", tc.method, "-t", format, "-A", "50", "-O", "256,secret", "-f", file("body", content)}, blocks...)
					out := c.do(t, "/_matrix/client/v3/rooms/!r:h/send/m.room.message/1", args...)
					got := h.take()
					assert.Equal(t, strings.ToUpper(tc.method), got.Method)
					assert.Equal(t, "Bearer secret", got.Token)
					assert.Equal(t, "application/json", got.ContentType)
					assert.JSONEq(t, string(asJSON), got.Body)
					assert.JSONEq(t, fmt.Sprintf(`{"bytes":%d,"event_id":"$1","heard":"%s /_matrix/client/v3/rooms/!r:h/send/m.room.message/1"}`,
						len(got.Body), got.Method), out.content, out.complaint)
				})
			}
		}
		t.Run("no JSON", func(t *testing.T) {
			out := c.do(t, "/_matrix/media/v3/upload", "-m", "post", "-t", "22", "-A", "50", "-f", file("picture.jpg", []byte(picture())))
			got := h.take()
			assert.Equal(t, picture(), got.Body)
			assert.Equal(t, "image/jpeg", got.ContentType)
			assert.Contains(t, out.content, `"bytes":5000`)
		})
	})
}

// Answers of many blocks arrive whole, from one request to the homeserver (RFC 7959
// §2.4).
func TestLibcoapDownloads(t *testing.T) {
	eachLibcoap(t, func(t *testing.T, c libcoap, h *homeserver) {
		for _, blockSize := range []string{"", "16", "64", "256", "1024"} {
			var blocks []string
			if blockSize != "" {
				blocks = []string{"-b", blockSize}
			}
			t.Run("JSON in blocks of "+blockSize, func(t *testing.T) {
				out := c.do(t, largePath, append(blocks, "-A", "50", "-O", "256,secret")...)
				assert.Equal(t, largeAnswer(), out.content, out.complaint)
				assert.Equal(t, "Bearer secret", h.take().Token)
			})
		}
		t.Run("CBOR", func(t *testing.T) {
			out := c.do(t, largePath)
			h.take()
			var got struct {
				List []string `cbor:"list"`
			}
			require.NoError(t, cbor.Unmarshal([]byte(out.content), &got), out.complaint)
			text, err := json.Marshal(map[string]any{"list": got.List})
			require.NoError(t, err)
			assert.Equal(t, largeAnswer(), string(text))
		})
		t.Run("no JSON", func(t *testing.T) {
			assert.Equal(t, picture(), c.do(t, plainPath).content)
			h.take()
		})
	})
}

// Integer keys go to those who know them: a client that has said so by option 257
// or by its own body.
func TestLibcoapKeys(t *testing.T) {
	eachLibcoap(t, func(t *testing.T, c libcoap, h *homeserver) {
		body := filepath.Join(t.TempDir(), "body")
		integers, err := cbor.Marshal(map[int]string{2: "m.room.message"}) // type
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(body, integers, 0o600))
		const eventID = 1
		for _, tc := range []struct {
			name string
			args []string
			key  any
		}{
			{"nothing said", nil, "event_id"},
			{"version", []string{"-O", "257,0x01"}, uint64(eventID)},
			{"integer keys", []string{"-m", "put", "-t", "60", "-f", body}, uint64(eventID)},
		} {
			t.Run(tc.name, func(t *testing.T) {
				out := c.do(t, "/_matrix/client/v3/x", tc.args...)
				var got map[any]any
				require.NoError(t, cbor.Unmarshal([]byte(out.content), &got), "%q %s", out.content, out.complaint)
				assert.Equal(t, "$1", got[tc.key])
				if request := h.take(); request.Body != "" {
					assert.JSONEq(t, `{"type":"m.room.message"}`, request.Body)
				}
			})
		}
	})
}

// coap-client prints code and content of an error to standard error.
func TestLibcoapErrors(t *testing.T) {
	eachLibcoap(t, func(t *testing.T, c libcoap, h *homeserver) {
		t.Run("of the homeserver, as JSON", func(t *testing.T) {
			out := c.do(t, missingPath, "-A", "50")
			assert.Contains(t, out.complaint, "4.04 "+missingBody)
			h.take()
		})
		t.Run("of the homeserver, as CBOR", func(t *testing.T) {
			_, text, found := strings.Cut(c.do(t, missingPath).complaint, "4.04 ")
			require.True(t, found)
			// coap-client prints a dot for what is not printable, here the heads of
			// map and strings.
			assert.Contains(t, text, "errcodekM_NOT_FOUNDeerror")
			h.take()
		})
		for _, tc := range []struct {
			name string
			args []string
			code string
		}{
			{"unknown critical option", []string{"-O", "65001,x"}, "4.02"},
			{"version of the future", []string{"-O", "257,0x07"}, "4.02"},
			{"option for coapgw only", []string{"-O", "261,HEAD"}, "4.02"},
			{"content that is no CBOR", []string{"-m", "put", "-t", "60", "-e", "%FF"}, "4.00"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				assert.Contains(t, c.do(t, "/_matrix/client/v3/x", tc.args...).complaint, tc.code)
				h.untouched()
			})
		}
	})
}
