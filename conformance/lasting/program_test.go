//go:build unix

package lasting

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/process"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// programs are the real ones over loopback, with a relay between that looks at what
// they send.
type programs struct {
	t       testing.TB
	binary  string
	dir     string
	numbers *numbers
	// links is what both are told: timers for a link of no delay, so that hundreds of
	// deaths take seconds.
	link string
	// relay, server and web are the addresses of the relay, of serve and of connect.
	relay, server, web string
	homeserver         string
	serve, connect     *process.Process
}

// newPrograms builds coapgw and starts both sides.
func newPrograms(t testing.TB, homeserver string) *programs {
	p := prepare(t, homeserver)
	p.startServe()
	p.startConnect()
	return p
}

// prepare builds coapgw, makes a key and starts the relay.
func prepare(t testing.TB, homeserver string) *programs {
	p := &programs{
		t: t, dir: t.TempDir(), numbers: newNumbers(), homeserver: homeserver,
		link:   "base=leo-broadband,ack-timeout=150ms,max-retransmit=6,empty-ack-delay=100ms",
		server: free(t, "udp"), web: free(t, "tcp"),
	}
	p.binary = filepath.Join(p.dir, "coapgw")
	build := exec.Command("go", "build", "-o", p.binary, "../../cmd/coapgw")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	key := keys.NewPSK()
	require.NoError(t, os.WriteFile(p.path("keys"), []byte(key.Line()+"\n"), 0o600))
	require.NoError(t, os.WriteFile(p.path("key"), []byte(key.Key.Hex()), 0o600))
	require.NoError(t, os.WriteFile(p.path("identity"), []byte(key.Identity), 0o600))
	p.startRelay()
	return p
}

func (p *programs) path(name string) string { return filepath.Join(p.dir, name) }

// startRelay puts a link without delay between the programs.
func (p *programs) startRelay() {
	link := linkemu.New(linkemu.Config{})
	link.Tap(p.numbers.watch)
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(p.t, err)
	p.relay = pc.LocalAddr().String()
	relay := &linkemu.Relay{Link: link, MaxClients: 1000, Dial: func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", p.server)
	}}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- relay.Serve(ctx, pc) }()
	p.t.Cleanup(func() {
		stop()
		<-served
		link.Close()
	})
}

func (p *programs) startServe() { p.serve = p.start("serve", p.serveFlags()...) }

func (p *programs) serveFlags() []string {
	return []string{"--listen", p.server, "--homeserver", p.homeserver, "--psk-file", p.path("keys"),
		"--state", p.path("serve.state"), "--link", p.link}
}

func (p *programs) startConnect() {
	p.connect = p.start("connect", p.connectFlags(p.web, "connect.state")...)
}

func (p *programs) connectFlags(web, state string) []string {
	identity, err := os.ReadFile(p.path("identity"))
	require.NoError(p.t, err)
	return []string{"--listen", web, "--server", "coaps://" + p.relay, "--psk-identity", string(identity),
		"--psk-key-file", p.path("key"), "--state", p.path(state), "--link", p.link, "--keep-answers", "0"}
}

// start runs a subcommand and returns when it says that it listens.
func (p *programs) start(command string, flags ...string) *process.Process {
	started := process.Start(p.t, exec.Command(p.binary, append([]string{command, "--log-level", "error"}, flags...)...))
	started.Await("listening on ")
	return started
}

// free returns an address of this machine that is left to this test: nobody gets it by chance
// while a program that listens on it is dead.
func free(t testing.TB, network string) string {
	addr, err := process.FreeAddr(network)
	require.NoError(t, err)
	return addr
}
