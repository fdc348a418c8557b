package clib

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Bounds of what docs/embedding-c.md tells, in bytes; another architecture needs others.
const (
	maxLibrary  = 12 << 20
	maxResident = 40 << 20
)

// resident is the memory of a process that is in use, in bytes.
func (p *process) resident() int {
	p.t.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	require.NoError(p.t, err)
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	require.NotNil(p.t, found)
	kB, err := strconv.Atoi(string(found[1]))
	require.NoError(p.t, err)
	return kB << 10
}

// TestFootprint prints what docs/embedding-c.md tells of sizes and memory, and bounds it.
func TestFootprint(t *testing.T) {
	made := library(t)
	idle := map[linking]string{}
	for _, how := range []linking{shared, static} {
		idle[how] = made.compile(t, source("idle"), how)
	}
	for _, file := range []string{made.path("lib/libcoapgw.so.1"), made.path("lib/libcoapgw.a"), idle[static]} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		t.Logf("%s: %.1f MB", info.Name(), float64(info.Size())/1e6)
		if file != idle[static] {
			assert.Less(t, info.Size(), int64(maxLibrary), file)
		}
	}
	w := newWorld(t)
	for name, device := range map[string]string{"handheld": "0", "small": "1"} {
		for how, program := range idle {
			p := start(t, w.env(), program, device)
			p.hears("open")
			opened := p.resident()
			p.say("use it")
			p.hears("used")
			used := p.resident()
			p.say("close")
			p.succeeds()
			t.Logf("%s, %s: %.1f MB opened, %.1f MB after 50 requests", name, how, float64(opened)/1e6, float64(used)/1e6)
			assert.Less(t, used, maxResident)
		}
	}
}
