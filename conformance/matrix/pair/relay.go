package pair

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coapgw/coapgw/conformance/matrix/program"
)

// RelayConfig says what link to put in front of a server.
type RelayConfig struct {
	// Executable is coapgw, and Dir where its files go: Name.log and Name.pcap.
	Executable, Dir, Name string
	// Profile is the name of the link.
	Profile string
	// Listen is the address for clients; empty means a free one. A relay that
	// takes the place of another has the address of that.
	Listen string
	// Rebind is how often the server sees the client at another address; 0 means
	// never.
	Rebind time.Duration
	// Stats is how often Relay.Stats has something new to say; 0 means at the end only.
	Stats time.Duration
}

// A Relay is a running coapgw link.
type Relay struct {
	addr    string
	profile string
	pcap    string
	program *program.Program
}

// StartRelay runs coapgw link in front of the server and waits until it listens.
// The caller must call Stop.
func StartRelay(ctx context.Context, cfg RelayConfig, server *Serve) (*Relay, error) {
	listen := cfg.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	pcap := filepath.Join(cfg.Dir, cfg.Name+".pcap")
	args := []string{
		"link", "--profile", cfg.Profile, "--listen", listen, "--to", server.Addr(), "--pcap", pcap, "--json",
		"--rebind", cfg.Rebind.String(),
	}
	if cfg.Stats > 0 {
		args = append(args, "--stats", cfg.Stats.String())
	}
	p, url, err := start(ctx, program.Config{
		Name:    "coapgw link",
		Path:    cfg.Executable,
		Args:    args,
		LogPath: filepath.Join(cfg.Dir, cfg.Name+".log"),
	})
	if err != nil {
		return nil, err
	}
	addr, ok := strings.CutPrefix(url, "udp://")
	if !ok {
		return nil, errors.Join(fmt.Errorf("coapgw link listens on %q, not on udp", url), p.Stop(stopTimeout))
	}
	return &Relay{addr: addr, profile: cfg.Profile, pcap: pcap, program: p}, nil
}

// Addr is the UDP address for clients.
func (r *Relay) Addr() string { return r.addr }

// Profile is the name of the link.
func (r *Relay) Profile() string { return r.profile }

// Pcap is the capture file, complete after Stop.
func (r *Relay) Pcap() string { return r.pcap }

// LinkStats is what coapgw link says about its link, as far as tests ask.
type LinkStats struct {
	Seconds  float64
	Up, Down LaneStats
}

// LaneStats is one direction of a link.
type LaneStats struct {
	// Datagrams used airtime, with Bytes of which Lost never arrived.
	Datagrams, Bytes, Lost int64
	// Dropped datagrams found the queue full, TooLarge ones exceeded the MTU.
	Dropped  int64
	TooLarge int64 `json:"too_large"`
}

// Stop ends the relay, waits for it and returns what happened on its link.
func (r *Relay) Stop() (LinkStats, error) {
	if err := r.program.Stop(stopTimeout); err != nil {
		return LinkStats{}, err
	}
	return r.Stats()
}

// Stats is what has happened on the link, as of the last time that the relay said so.
func (r *Relay) Stats() (LinkStats, error) {
	var stats LinkStats
	log, err := os.ReadFile(r.program.LogPath())
	if err != nil {
		return stats, err
	}
	log = log[:bytes.LastIndexByte(log, '\n')+1] // a line without its end may still be growing
	last := bytes.TrimSuffix(log, []byte("\n"))
	last = last[bytes.LastIndexByte(last, '\n')+1:]
	if err := json.Unmarshal(last, &stats); err != nil {
		return stats, fmt.Errorf("statistics of coapgw link: %w", err)
	}
	return stats, nil
}
