package interop

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/process"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
)

// coapServer is a running coap-server, which knows nothing of MSC3079.
type coapServer struct {
	*process.Process
	port int // of coap; that of coaps is the next one
}

// startCoapServer runs Debian's coap-server on a free pair of ports. Another
// program may take a port before it does; then it is started on others.
func startCoapServer(t *testing.T, variant string) *coapServer {
	t.Helper()
	for range 5 {
		s := &coapServer{port: freePorts(t)}
		s.Process = start(t, debian(t, "coap-server-"+variant), "-A", "127.0.0.1", "-p", fmt.Sprint(s.port),
			"-k", pskKey, "-d", "10", "-v", "7")
		ready := fmt.Sprintf("created DTLS endpoint 127.0.0.1:%d", s.port+1)
		for line := range s.Lines {
			if strings.Contains(line, ready) {
				return s
			}
		}
		t.Log(s.Printed())
	}
	require.FailNow(t, "coap-server does not start")
	return nil
}

// freePorts returns the first of two UDP ports that nobody uses at the moment.
func freePorts(t *testing.T) int {
	t.Helper()
	for {
		first, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		port := first.LocalAddr().(*net.UDPAddr).Port
		second, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port+1))
		require.NoError(t, first.Close())
		if err == nil {
			require.NoError(t, second.Close())
			return port
		}
	}
}

// dialer opens sessions with the server at the address, with DTLS if that is
// wanted.
func dialer(addr string, secure bool, profile link.Profile) *gateway.Dialer {
	d := &gateway.Dialer{Routes: gateway.UDPRoutes(addr), Profile: profile}
	if secure {
		d.Security = &dtls.Config{Identity: pskIdentity, Key: []byte(pskKey)}
	}
	return d
}

// eachCoapServer runs a test for every build of coap-server, with DTLS and
// without.
func eachCoapServer(t *testing.T, test func(t *testing.T, dial func(link.Profile) *gateway.Dialer)) {
	for _, variant := range libcoapVariants() {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s secure=%v", variant, secure), func(t *testing.T) {
				t.Parallel()
				s := startCoapServer(t, variant)
				port := s.port
				if secure {
					port++
				}
				test(t, func(p link.Profile) *gateway.Dialer {
					return dialer(fmt.Sprintf("127.0.0.1:%d", port), secure, p)
				})
			})
		}
	}
}

// patient bounds a test's exchanges.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// roundTrip makes one request and returns status and content.
func roundTrip(t *testing.T, rt http.RoundTripper, method, path, token, contentType, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(patient(t), method, "http://gateway"+path, strings.NewReader(body))
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	resp, err := rt.RoundTrip(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(content)
}

// Our Transport talks to a server that is no coapgw and no MSC3079 peer: it
// refuses option 257 with 4.02 and gets the request again without.
func TestTransportTowardsLibcoap(t *testing.T) {
	eachCoapServer(t, func(t *testing.T, dial func(link.Profile) *gateway.Dialer) {
		for _, blockSize := range []int{16, 256, 1024} {
			t.Run(fmt.Sprintf("blocks of %d", blockSize), func(t *testing.T) {
				profile := link.Default()
				profile.BlockSize = blockSize
				versions := &optionCount{number: coap.OptionVersion}
				transport := &coap.Transport{Dial: versions.tap(dial(profile).Dial), Profile: profile}
				defer transport.Close()

				status, content := roundTrip(t, transport, "GET", "/", "", "", "")
				assert.Equal(t, 200, status)
				assert.Contains(t, content, "libcoap")
				assert.EqualValues(t, 1, versions.sent.Load(), "option 257 is sent once, and not after 4.02")

				status, content = roundTrip(t, transport, "GET", "/time", "", "", "")
				assert.Equal(t, 200, status)
				assert.Regexp(t, `^[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d$`, content)

				body := picture()[:3000]
				status, _ = roundTrip(t, transport, "PUT", "/example_data", "", "text/plain;charset=utf-8", body)
				assert.Contains(t, []int{201, 204}, status) // 2.01 the first time, then 2.04 without content
				_, content = roundTrip(t, transport, "GET", "/example_data", "", "", "")
				assert.Equal(t, body, content)

				status, _ = roundTrip(t, transport, "PUT", "/new", "", "application/json", `{"a":1}`)
				assert.Equal(t, 201, status)
				status, content = roundTrip(t, transport, "GET", "/new", "", "", "")
				assert.Equal(t, 200, status)
				assert.Equal(t, `{"a":1}`, content)
				status, _ = roundTrip(t, transport, "DELETE", "/new", "", "", "")
				assert.Equal(t, 204, status) // 2.02 without content
				status, _ = roundTrip(t, transport, "GET", "/new", "", "", "")
				assert.Equal(t, 404, status)

				// An empty acknowledgement and a separate response (RFC 7252 §5.2.2).
				status, content = roundTrip(t, transport, "GET", "/async?1", "", "", "")
				assert.Equal(t, 200, status)
				assert.Equal(t, "done", content)
				assert.EqualValues(t, 1, versions.sent.Load())
			})
		}
	})
}

// The message layer alone: ping, and an observation that is cancelled.
func TestEndpointTowardsLibcoap(t *testing.T) {
	eachCoapServer(t, func(t *testing.T, dial func(link.Profile) *gateway.Dialer) {
		conn, err := dial(link.Default()).Dial(patient(t))
		require.NoError(t, err)
		c := endpoint.New(conn, endpoint.Config{Profile: link.Default()})
		defer c.Wait()
		defer c.Close()
		require.NoError(t, c.Ping(patient(t)))

		times := make(chan string, 100)
		o, err := c.Observe(patient(t), &endpoint.Request{Code: endpoint.GET, Options: endpoint.Options(nil).AddString(endpoint.URIPath, "time")},
			func(r *endpoint.Response) error {
				text, err := io.ReadAll(r.Body)
				times <- string(text)
				return err
			})
		require.NoError(t, err)
		first := receive(t, times, "the first response")
		second := receive(t, times, "a notification") // the clock ticks each second
		assert.NotEqual(t, first, second)
		require.NoError(t, o.Cancel(patient(t)))
		require.NoError(t, o.Err())
	})
}

// coapgw request is a CoAP client for any server.
func TestRequestTowardsLibcoap(t *testing.T) {
	for _, variant := range libcoapVariants() {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			s := startCoapServer(t, variant)
			keyFile := filepath.Join(t.TempDir(), "key")
			require.NoError(t, os.WriteFile(keyFile, []byte(keys.Key(pskKey).Hex()), 0o600))
			for base, args := range map[string][]string{
				fmt.Sprintf("coap://127.0.0.1:%d", s.port):    {"--plain-insecure"},
				fmt.Sprintf("coaps://127.0.0.1:%d", s.port+1): {"--psk-identity", pskIdentity, "--psk-key-file", keyFile},
			} {
				request := func(more ...string) (output, error) {
					return execute(t, coapgw, append(append([]string{"request"}, args...), more...)...)
				}
				out, err := request("GET", base+"/")
				require.NoError(t, err, out.stderr)
				assert.Contains(t, out.stdout, "libcoap")

				body := `{"a":"` + strings.Repeat("x", 3000) + `"}`
				out, err = request("PUT", base+"/example_data", "-d", body)
				require.NoError(t, err, out.stderr)
				out, err = request("GET", base+"/example_data")
				require.NoError(t, err, out.stderr)
				assert.JSONEq(t, body, out.stdout)

				out, err = request("GET", base+"/nothing")
				require.Error(t, err)
				assert.Contains(t, out.stderr, "404")
			}
		})
	}
}
