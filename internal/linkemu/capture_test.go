package linkemu

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tshark decodes a capture, one line a packet with the fields asked for. Payloads
// are taken as they are, and wrong checksums shown.
func tshark(t *testing.T, capture []byte, fields ...string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "capture.pcap")
	require.NoError(t, os.WriteFile(file, capture, 0o600))
	cmd := exec.Command("tshark", append([]string{"-r", file, "-T", "fields", "-E", "separator=,",
		"--disable-protocol", "dtls", "--disable-protocol", "coap",
		"-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"}, fields...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "tshark must be installed: %s", &stderr)
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func TestCaptureIsDecoded(t *testing.T) {
	var file bytes.Buffer
	c, err := NewCapture(&file)
	require.NoError(t, err)
	udp := func(host string, port int) net.Addr { return &net.UDPAddr{IP: net.ParseIP(host), Port: port} }
	at := time.Unix(1_700_000_000, 123_456_789)
	for _, p := range []struct {
		from, to net.Addr
		payload  []byte
	}{
		{udp("192.0.2.1", 5000), udp("198.51.100.2", 6000), []byte("even")},
		{udp("192.0.2.1", 5000), udp("198.51.100.2", 6000), []byte("odd")},
		{udp("192.0.2.1", 5000), udp("198.51.100.2", 6000), nil},
		{udp("2001:db8::1", 5000), udp("2001:db8::2", 6000), []byte("six")},
		{udp("2001:db8::1", 5000), udp("198.51.100.2", 6000), []byte("mixed")},
		{&net.UnixAddr{Name: "none"}, udp("198.51.100.2", 6000), []byte("none")},
		{udp("192.0.2.1", 5000), udp("198.51.100.2", 6000), bytes.Repeat([]byte{0xff}, maxUDP)},
	} {
		require.NoError(t, c.Record(at, p.from, p.to, p.payload))
	}
	const good, once = "1", "1700000000.123456789"
	lines := tshark(t, file.Bytes(), "-e", "frame.time_epoch", "-e", "ip.src", "-e", "ip.dst", "-e", "ipv6.src", "-e", "ipv6.dst",
		"-e", "udp.srcport", "-e", "udp.dstport", "-e", "udp.length", "-e", "ip.checksum.status", "-e", "udp.checksum.status")
	assert.Equal(t, []string{
		once + ",192.0.2.1,198.51.100.2,,,5000,6000,12," + good + "," + good,
		once + ",192.0.2.1,198.51.100.2,,,5000,6000,11," + good + "," + good,
		once + ",192.0.2.1,198.51.100.2,,,5000,6000,8," + good + "," + good,
		once + ",,,2001:db8::1,2001:db8::2,5000,6000,11,," + good,
		once + ",,,2001:db8::1,::ffff:198.51.100.2,5000,6000,13,," + good,
		once + ",0.0.0.0,198.51.100.2,,,0,6000,12," + good + "," + good,
		once + ",192.0.2.1,198.51.100.2,,,5000,6000,65515," + good + "," + good,
	}, lines)
}

// TestChecksumIsNeverZero: a sum of zero is sent as its other form (RFC 768).
func TestChecksumIsNeverZero(t *testing.T) {
	src, dst := addrPort(&net.UDPAddr{IP: net.IPv4zero}), addrPort(&net.UDPAddr{IP: net.IPv4zero})
	for payload := range 1 << 16 {
		b := appendUDP(nil, src, dst, []byte{byte(payload >> 8), byte(payload)})
		require.NotZero(t, uint16(b[6])<<8|uint16(b[7]))
	}
}
