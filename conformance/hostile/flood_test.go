package hostile

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
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

// flood is how many messages a session sends that wants the server's memory.
const flood = 20_000

// most is what one session may make the server hold, in bytes, whatever it sends.
const most = 8 << 20

// greedy makes the i-th message of a flood; no two have the same token and message ID.
func greedy(i int, code endpoint.Code, options endpoint.Options, payload int) *endpoint.Message {
	return &endpoint.Message{
		Type: endpoint.Type(i & 1), Code: code, MessageID: uint16(i), Token: binary.BigEndian.AppendUint32(nil, uint32(i)),
		Options: options, Payload: make([]byte, payload),
	}
}

// path makes Uri-Path options.
func path(segments ...string) (opts endpoint.Options) {
	for _, s := range segments {
		opts = opts.AddString(endpoint.URIPath, s)
	}
	return opts
}

// block is the value of a block option of 1024 bytes with more to come.
func block(num int) uint32 { return uint32(num)<<4 | 8 | 6 }

// TestFloodsTakeBoundedMemory lets one session ask for as much as it can of each thing that a
// server keeps for its peers.
func TestFloodsTakeBoundedMemory(t *testing.T) {
	sync := path("_matrix", "client", "v3", "sync")
	// A coapgw may send blocks of RFC 9177. An unknown option without meaning fills the datagram.
	bulk := func(i int, token, num uint32) *endpoint.Message {
		if i == 0 {
			return greedy(0, endpoint.GET, path("small").Add(coap.OptionGateway, []byte{2}).AddUint(coap.OptionSlot, 0), 0)
		}
		filler := endpoint.OptionNumber(65000) // elective, and no part of a key (RFC 7252 §5.4.6)
		m := greedy(i, endpoint.PUT, path("wait").AddUint(coap.OptionSlot, 0).AddUint(endpoint.QBlock1, num<<4|8).Add(filler, make([]byte, 1800)), 16)
		m.Type, m.Token = endpoint.NonConfirmable, binary.BigEndian.AppendUint32(nil, token)
		return m
	}
	tests := []struct {
		name string
		make func(i int) *endpoint.Message
	}{
		{"small blocks in large datagrams", func(i int) *endpoint.Message {
			return bulk(i, 1, uint32(max(i, 1)-1))
		}},
		{"small blocks far ahead", func(i int) *endpoint.Message {
			return bulk(i, uint32(i), 4095)
		}},
		{"small blocks that wait for the first", func(i int) *endpoint.Message {
			return bulk(i, uint32(i/1000), uint32(1+i%1000))
		}},
		{"observations", func(i int) *endpoint.Message {
			return greedy(i, endpoint.GET, sync.AddUint(endpoint.Observe, 0), 0)
		}},
		{"requests that wait", func(i int) *endpoint.Message {
			return greedy(i, endpoint.GET, path("wait", fmt.Sprint(i)), 0)
		}},
		{"uploads begun", func(i int) *endpoint.Message {
			return greedy(i, endpoint.PUT, path("take", fmt.Sprint(i)).AddUint(endpoint.Block1, block(0)), 1024)
		}},
		{"blocks of one upload that nobody reads", func(i int) *endpoint.Message {
			m := greedy(i, endpoint.PUT, path("wait").AddUint(endpoint.Block1, block(i)), 1024)
			m.Token = []byte{1}
			return m
		}},
		{"blocks out of turn", func(i int) *endpoint.Message {
			return greedy(i, endpoint.PUT, path("take").AddUint(endpoint.Block1, block(flood-i)), 1024)
		}},
		{"downloads begun", func(i int) *endpoint.Message {
			return greedy(i, endpoint.GET, path("large", fmt.Sprint(i)), 0)
		}},
		{"answers to be repeated", func(i int) *endpoint.Message {
			return greedy(i, endpoint.GET, path("small", fmt.Sprint(i)), 0)
		}},
		{"users of a session", func(i int) *endpoint.Message {
			o := path("take").AddUint(coap.OptionGateway, 1).AddUint(coap.OptionSlot, uint32(i))
			return greedy(i, endpoint.GET, o.AddString(coap.OptionAccessToken, fmt.Sprintf("%d%s", i, strings.Repeat("t", 800))), 0)
		}},
		{"answers to nothing", func(i int) *endpoint.Message {
			return greedy(i, endpoint.Content, nil, 1000)
		}},
		{"room streams", func(i int) *endpoint.Message {
			return greedy(i, endpoint.GET, path("~", "!r:h").AddUint(endpoint.Observe, 0).AddString(endpoint.URIQuery, "m=512"), 0)
		}},
		{"deregistrations", func(i int) *endpoint.Message {
			return greedy(i, endpoint.GET, sync.AddUint(endpoint.Observe, 1), 0)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				held := holds(t, tt.make)
				t.Logf("%d kB", held>>10)
				assert.Less(t, held, int64(most))
			})
		})
	}
}

// homeserver plays what a greedy peer likes.
func homeserver(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/large"):
		w.Header().Set("Content-Type", "application/octet-stream")
		for range 1 << 10 { // 64 MiB
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	case strings.HasPrefix(r.URL.Path, "/small"):
		_, _ = io.WriteString(w, strings.Repeat("x", 900))
	case strings.HasPrefix(r.URL.Path, "/take"):
		_, _ = io.Copy(io.Discard, r.Body)
	case strings.HasSuffix(r.URL.Path, "/sync") && r.URL.Query().Get("since") == "":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"next_batch":"s1","rooms":{"join":{"!r:h":{}}}}`)
	case strings.HasSuffix(r.URL.Path, "/sync") && r.URL.Query().Get("since") == "s1" && r.URL.Query().Get("set_presence") != "":
		// As much for a room stream as waits for a client.
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"next_batch":"s2","rooms":{"join":{"!r:h":{"timeline":{"events":[`)
		for i := range 1000 {
			_, _ = fmt.Fprintf(w, `{"event_id":"$%d:h","type":"m.room.message","sender":"@a:h","content":{"body":%q}},`, i, strings.Repeat("x", 1000))
		}
		_, _ = io.WriteString(w, `{}]}}}}}`)
	case strings.HasSuffix(r.URL.Path, "/whoami"):
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"user_id":"@b:h"}`)
	default:
		<-r.Context().Done()
	}
}

// holds runs a flood and returns by how much it made the heap grow. The client keeps
// nothing.
func holds(t *testing.T, make func(i int) *endpoint.Message) int64 {
	psk := keys.NewPSK()
	l := linkemu.New(linkemu.Config{})
	listener, err := dtls.Listen(l.Listen(), dtls.Config{Profile: link.Default(), Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := runServer(ctx, listener)
	conn, err := dtls.Dial(ctx, l.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 1}), linkemu.FarAddr(),
		dtls.Config{Profile: link.Default(), Identity: psk.Identity, Key: psk.Key})
	require.NoError(t, err)
	go func() { // acknowledges nothing
		for b := [2048]byte{}; ; {
			if _, err := conn.Read(b[:]); err != nil {
				return
			}
		}
	}()
	synctest.Wait()
	before := heap()
	var data []byte
	for i := range flood {
		data, err = endpoint.AppendMessage(data[:0], make(i))
		require.NoError(t, err)
		_, err = conn.Write(data)
		require.NoError(t, err, "the session goes on")
		if i%100 == 0 || i%25 == 0 && len(data) > 800 { // so that little is dropped on its way
			synctest.Wait()
		}
	}
	time.Sleep(time.Second)
	synctest.Wait()
	grown := heap() - before
	require.NoError(t, conn.Close())
	stop()
	require.NoError(t, <-served)
	require.NoError(t, l.Close())
	return grown
}

func runServer(ctx context.Context, l net.Listener) <-chan error {
	served := make(chan error, 1)
	go func() { served <- (&coap.Server{Handler: http.HandlerFunc(homeserver)}).Serve(ctx, l) }()
	return served
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
