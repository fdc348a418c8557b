package inspect_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/internal/inspect"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// Any datagrams: never a panic, each byte is counted once, and what is written is bounded.
func FuzzDatagram(f *testing.F) {
	for _, text := range []string{
		"41050004 00ff 00 00 83 00ce0d 04", "41030005 01 ff 12 e00c8f6ff56b52835ea559bf8662",
		"61450004 00ff 02 dbd5f77365", "4145 0004 00 61 ff fd", "41020003 02 d1f600 ff 03 01",
		"16fefd0000000000000000000402000000", "19fefd0001000000000001aabb0020" + "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		"4105000400d10e08ff0201", "60010004", "4102000203d7f683612f62611162ff01",
	} {
		b, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(text), []byte(" "), nil)))
		require.NoError(f, err)
		f.Add(b, []byte("\x61\x45\x00\x04\x00\xff\x00\xa0"))
	}
	format := format(f)
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c := inspect.NewConversation(format, "")
		for _, d := range [][]byte{first, second, first} {
			var r inspect.Report
			c.Datagram(&r, d)
			require.Equal(t, len(d), r.Total())
			var out bytes.Buffer
			require.NoError(t, r.Write(&out, inspect.Style{}))
		}
		var r inspect.Report
		_, _ = inspect.NewSession(format, "").Request(&r, first)
		_ = inspect.NewSession(format, "").Response(&r, first, 200, nil)
		inspect.Version1(&r, first)
	})
}

// Any file: never a panic.
func FuzzCapture(f *testing.F) {
	var file bytes.Buffer
	c, err := linkemu.NewCapture(&file)
	require.NoError(f, err)
	a, b := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000}, &net.UDPAddr{IP: net.ParseIP("2001:db8::1"), Port: 5683}
	for _, to := range []net.Addr{a, b} {
		require.NoError(f, c.Record(time.Unix(1, 2), a, to, []byte("\x41\x05\x00\x04\x00\xff\x00\x00\x81\x04")))
	}
	f.Add(file.Bytes())
	format := format(f)
	f.Fuzz(func(_ *testing.T, file []byte) {
		_ = inspect.Capture(io.Discard, bytes.NewReader(file), format, "", inspect.Style{})
	})
}
