package hostile

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

const datagrams = 3000

// TestOthersAreServed lets a peer with a key send random, truncated and bent CoAP
// messages, and one without a key send random and bent records, while a third
// goes on with its requests.
func TestOthersAreServed(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { attack(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func attack(t *testing.T, random *rand.Rand) {
	honest, rogue := keys.NewPSK(), keys.NewPSK()
	l := linkemu.New(linkemu.Config{})
	defer l.Close()
	listener, err := dtls.Listen(l.Listen(), dtls.Config{
		Profile: link.Default(),
		Keys:    keys.PSKs{honest.Identity: honest.Key, rogue.Identity: rogue.Key}.Lookup,
	})
	require.NoError(t, err)
	homeserver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What reaches the homeserver is always a request that it can read.
		assert.True(t, strings.HasPrefix(r.RequestURI, "/"), r.RequestURI)
		assert.NotContains(t, r.RequestURI, "\n")
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"you":"`+r.Header.Get("Authorization")+`"}`)
	})
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- (&coap.Server{Handler: homeserver}).Serve(ctx, listener) }()

	dial := func(ctx context.Context, psk keys.PSK, port int) (*dtls.Conn, error) {
		return dtls.Dial(ctx, l.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: port}), linkemu.FarAddr(),
			dtls.Config{Profile: link.Default(), Identity: psk.Identity, Key: psk.Key})
	}
	transport := &coap.Transport{Dial: func(ctx context.Context) (net.Conn, error) { return dial(ctx, honest, 1) }}
	insider, err := dial(ctx, rogue, 2)
	require.NoError(t, err)
	outsider := l.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 3})
	ask := func() {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://link/_matrix/client/v3/account/whoami", nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer honest")
		resp, err := transport.RoundTrip(r)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, `{"you":"Bearer honest"}`, string(body))
	}
	ask()
	for i := range datagrams {
		_, err := insider.Write(bent(random))
		require.NoError(t, err, "the session of the one who sends nonsense goes on")
		_, err = outsider.WriteTo(bentRecord(random), linkemu.FarAddr())
		require.NoError(t, err)
		if i%100 == 0 {
			ask()
		}
	}
	// Half-done block-wise transfers and the like expire; then all is as before.
	time.Sleep(10 * time.Minute)
	ask()
	require.NoError(t, insider.Close())
	require.NoError(t, outsider.Close())
	require.NoError(t, transport.Close())
	stop()
	require.NoError(t, <-served)
}

// bent returns a CoAP message with something wrong, or nothing but noise.
func bent(random *rand.Rand) []byte {
	if random.IntN(4) == 0 {
		return noise(random)
	}
	m := endpoint.Message{
		Type: endpoint.Type(random.IntN(4)), Code: endpoint.Code(random.IntN(256)),
		MessageID: uint16(random.Uint32()), Token: noise(random)[:random.IntN(9)],
	}
	numbers := []endpoint.OptionNumber{
		endpoint.Observe, endpoint.URIPath, endpoint.ContentFormat, endpoint.URIQuery, endpoint.Accept,
		endpoint.Block1, endpoint.Block2, endpoint.Size1, endpoint.RequestTag, coap.OptionAccessToken,
		coap.OptionVersion, coap.OptionSlot, coap.OptionGateway, coap.OptionMethod, coap.OptionForm,
		coap.OptionEnvelope, coap.OptionHeader, coap.OptionStatus,
	}
	for range random.IntN(6) {
		value := noise(random)
		m.Options = m.Options.Add(numbers[random.IntN(len(numbers))], value[:random.IntN(min(len(value), 12))])
	}
	if random.IntN(2) == 0 {
		m.Payload = noise(random)
	}
	data, err := endpoint.AppendMessage(nil, &m)
	if err != nil {
		return noise(random)
	}
	switch random.IntN(3) {
	case 0:
		data = data[:1+random.IntN(len(data))]
	case 1:
		data[random.IntN(len(data))] ^= byte(1 << random.IntN(8))
	}
	return data
}

// bentRecord returns a DTLS record with something wrong, or nothing but noise.
func bentRecord(random *rand.Rand) []byte {
	body := noise(random)
	if random.IntN(4) == 0 {
		return body
	}
	types := []byte{20, 21, 22, 23, 25, byte(random.IntN(256))}
	record := []byte{types[random.IntN(len(types))], 0xfe, 0xfd, 0, byte(random.IntN(2)), 0, 0, 0, 0, 0, byte(random.IntN(256))}
	record = append(record, byte(len(body)>>8), byte(len(body)))
	return append(record, body...)
}

func noise(random *rand.Rand) []byte {
	b := make([]byte, 16+random.IntN(200))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}
