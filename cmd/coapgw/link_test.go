//go:build !clientonly

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// TestLinkRelaysCoAP asks a server of ours through a link without loss, and lets
// tshark read what went through.
func TestLinkRelaysCoAP(t *testing.T) {
	homeserver := httptest.NewServer(fakehs.New(fakehs.Config{}))
	defer homeserver.Close()
	gateway := start(t, "serve", "--homeserver", homeserver.URL, "--plain-insecure", "--listen", "127.0.0.1:0", "--log-level", "error")
	target := gateway[strings.Index(gateway, "://")+3:]
	pcap := filepath.Join(t.TempDir(), "link.pcap")
	relay := start(t, "link", "--profile", "base=leo-broadband,loss-good=0,loss-bad=0", "--to", target, "--listen", "127.0.0.1:0", "--pcap", pcap)
	address, ok := strings.CutPrefix(relay, "udp://")
	require.True(t, ok, relay)

	begun := time.Now()
	r := coapgw(t, "", "request", "--plain-insecure", "GET", "coap://"+address+"/_matrix/client/versions")
	require.Equal(t, exitOK, r.code, r.err)
	assert.Contains(t, r.out, "versions")
	assert.GreaterOrEqual(t, time.Since(begun), 40*time.Millisecond, "twice the delay of the link")

	_, port, err := net.SplitHostPort(target)
	require.NoError(t, err)
	out, err := exec.Command("tshark", "-r", pcap, "-d", "udp.port=="+port+",coap", "-o", "udp.check_checksum:TRUE",
		"-T", "fields", "-E", "separator=,", "-e", "frame.protocols", "-e", "udp.dstport", "-e", "udp.checksum.status", "-e", "coap.code").Output()
	require.NoError(t, err, "tshark must be installed")
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	assert.Regexp(t, `^raw:ip:udp:coap.*,`+port+`,1,1$`, lines[0], "a GET")
	answered := regexp.MustCompile(`^raw:ip:udp:coap.*,1,69$`)
	assert.True(t, slices.ContainsFunc(lines[1:], answered.MatchString), "no 2.05: %q", lines)
}

func TestLinkFailures(t *testing.T) {
	busy, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer busy.Close()
	for _, args := range []string{
		"link --profile gprs --to 127.0.0.1:1 --listen " + busy.LocalAddr().String(),
		"link --profile gprs --to 127.0.0.1:1 --listen 127.0.0.1:0 --pcap /nonexistent/file",
		"link --profile gprs --to nowhere.invalid:1 --listen 127.0.0.1:0",
	} {
		r := coapgw(t, "", strings.Fields(args)...)
		assert.Equal(t, exitFailure, r.code, args)
		assert.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
		assert.Empty(t, r.out)
	}
}

// TestLinkStats: who asks for statistics gets them at the end at the latest.
func TestLinkStats(t *testing.T) {
	const none = `{"datagrams":0,"payload_bytes":0,"bytes":0,"busy_seconds":0,"lost":0,"unclaimed":0,"dropped":0,"too_large":0}`
	for flags, want := range map[string]string{
		"--rebind 1h":       `^$`,
		"--stats 1h":        `^gprs \d+s: up 0 datagrams 0 B busy 0 %, down 0 datagrams 0 B busy 0 %, clients: 0\n$`,
		"--json":            `^{"link":"gprs","seconds":[0-9.e-]+,"clients":0,"turns":0,"up":` + none + `,"down":` + none + `}\n$`,
		"--json --stats 1h": `^{"link":"gprs".*}\n$`,
	} {
		ctx, stop := context.WithCancel(t.Context())
		out, w := io.Pipe()
		var errs bytes.Buffer
		code := make(chan int)
		go func() {
			code <- run(ctx, strings.Fields("link --profile gprs --to 127.0.0.1:1 --listen 127.0.0.1:0 "+flags), streams{out: w, err: &errs})
		}()
		readyAddress(t, out)
		stop()
		assert.Equal(t, exitOK, <-code, flags)
		assert.Regexp(t, want, errs.String(), flags)
	}
}

func TestStatsJSON(t *testing.T) {
	hf, _ := link.ByName("hf-vara500")
	text := statsJSON(hf, linkemu.Stats{
		Up: linkemu.Counters{
			Datagrams: 12, Payload: 900, Bytes: 996, Busy: 1500 * time.Millisecond,
			Lost: 2, Unclaimed: 3, Dropped: 4, Violations: 5,
		},
		Turnarounds: 7,
	}, 1, time.Minute)
	var got linkReport
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	assert.Equal(t, linkReport{
		Link: "hf-vara500", Seconds: 60, Clients: 1, Turns: 7,
		Up: laneReport{Datagrams: 12, Payload: 900, Bytes: 996, BusySeconds: 1.5, Lost: 2, Unclaimed: 3, Dropped: 4, TooLarge: 5},
	}, got)
}

func TestStatsLine(t *testing.T) {
	hf, _ := link.ByName("hf-vara500")
	sat, _ := link.ByName("geo-vsat")
	s := linkemu.Stats{
		Up:          linkemu.Counters{Datagrams: 12, Payload: 900, Busy: 15 * time.Second, Lost: 2, Violations: 1},
		Down:        linkemu.Counters{Datagrams: 3, Payload: 70, Busy: 90 * time.Second, Dropped: 4},
		Turnarounds: 7,
	}
	assert.Equal(t, "hf-vara500 1m0s: up 12 datagrams 900 B busy 25 % 2 lost 1 too large, "+
		"down 3 datagrams 70 B busy 100 % 4 dropped, 7 turns, clients: 1", statsLine(hf, s, 1, time.Minute))
	assert.Equal(t, "geo-vsat 0s: up 0 datagrams 0 B, down 0 datagrams 0 B, clients: 0", statsLine(sat, linkemu.Stats{}, 0, 0))
}
