package realtime

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/matrix/pair"
)

// statsInterval is how often a relay says what happened on its link.
const statsInterval = time.Second

// A way leads from a client to the homeserver over one link.
type way struct {
	dir     string
	serve   *pair.Serve
	relay   *pair.Relay
	connect *pair.Connect
}

// openWay starts the three programs. What the test has not stopped when it ends is
// stopped then.
func openWay(ctx context.Context, t *testing.T, name, profile string) *way {
	t.Helper()
	dir := filepath.Join(bed.dir, name)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	w := &way{dir: dir}
	t.Cleanup(func() {
		if w.connect != nil {
			assert.NoError(t, w.connect.Stop())
		}
		if w.relay != nil {
			_, err := w.relay.Stop()
			assert.NoError(t, err)
		}
		if w.serve != nil {
			assert.NoError(t, w.serve.Stop())
		}
	})
	var err error
	w.serve, err = pair.StartServe(ctx, bed.executable, dir, bed.homeserverURL)
	require.NoError(t, err)
	w.startRelay(ctx, t, pair.RelayConfig{Name: "link", Profile: profile})
	w.connect, err = pair.StartConnectThrough(ctx, bed.executable, dir, w.serve, w.relay)
	require.NoError(t, err)
	return w
}

func (w *way) startRelay(ctx context.Context, t *testing.T, cfg pair.RelayConfig) {
	t.Helper()
	cfg.Executable, cfg.Dir, cfg.Stats = bed.executable, w.dir, statsInterval
	relay, err := pair.StartRelay(ctx, cfg, w.serve)
	require.NoError(t, err)
	w.relay = relay
}

// stopConnect ends the client's side, which closes its session over the link.
func (w *way) stopConnect(t *testing.T) {
	t.Helper()
	require.NoError(t, w.connect.Stop())
	w.connect = nil
}

// stopRelay ends the link and demands that the gateway kept to it: no datagram was
// too large, and none was sent into a full queue.
func (w *way) stopRelay(t *testing.T) pair.LinkStats {
	t.Helper()
	stats, err := w.relay.Stop()
	w.relay = nil
	require.NoError(t, err)
	for name, d := range map[string]pair.LaneStats{"up": stats.Up, "down": stats.Down} {
		assert.Positive(t, d.Datagrams, name)
		assert.Zero(t, d.TooLarge, "%s: larger than the MTU", name)
		assert.Zero(t, d.Dropped, "%s: into a full queue", name)
	}
	return stats
}

// captured is a datagram as tshark reads it.
type captured struct {
	protocols string // "raw:ip:udp:dtls"
	malformed string // what tshark thinks of it, empty if nothing
	payload   string // of UDP, in hexadecimal
}

// read lets tshark read a capture.
func (w *way) read(t *testing.T, pcap string) []captured {
	t.Helper()
	_, port, err := net.SplitHostPort(w.serve.Addr())
	require.NoError(t, err)
	out, err := exec.Command("tshark", "-r", pcap, "-d", "udp.port=="+port+",dtls", "-T", "fields",
		"-e", "frame.protocols", "-e", "_ws.malformed", "-e", "udp.payload").Output()
	require.NoError(t, err, "tshark must be installed")
	var all []captured
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		require.Len(t, fields, 3)
		all = append(all, captured{fields[0], fields[1], fields[2]})
	}
	require.NotEmpty(t, all)
	return all
}

// requireDTLS demands that tshark takes every datagram for DTLS. The capture must
// begin with the session, for the length of a Connection ID is told in the handshake
// only (RFC 9146 §4).
func requireDTLS(t *testing.T, all []captured) {
	t.Helper()
	for _, c := range all {
		require.Equal(t, "raw:ip:udp:dtls", c.protocols)
		require.Empty(t, c.malformed)
	}
}

// handshakes counts the datagrams that begin with a record of a handshake, content
// type 22 (RFC 6347 §4.1).
func handshakes(all []captured) (n int) {
	for _, c := range all {
		if strings.HasPrefix(c.payload, "16") {
			n++
		}
	}
	return n
}
