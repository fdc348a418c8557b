//go:build unix

package lasting

import (
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Upgrades in TestUpgrade and TestSocketActivation.
const (
	upgrades = 10
	restarts = 5
)

// TestUpgrade has serve replaced ten times by SIGUSR2 while users talk.
func TestUpgrade(t *testing.T) {
	talk(t, false, func(s *service) {
		for n := range upgrades {
			pid := s.pid
			start, gap := s.upgrade()
			t.Logf("upgrade %d: started in %s, then served after %s", n, start, gap)
			assert.NotEqual(t, pid, s.pid)
			time.Sleep(300 * time.Millisecond)
		}
		assert.Equal(t, upgrades, s.count("MAINPID="))
		assert.Equal(t, upgrades, s.count("RELOADING=1\nMONOTONIC_USEC="))
		assert.Equal(t, 1+upgrades, s.count("READY=1"))
		assert.NotZero(t, s.count("WATCHDOG=1"))
	})
}

// TestSocketActivation restarts serve five times while a service manager holds the
// socket.
func TestSocketActivation(t *testing.T) {
	talk(t, true, func(s *service) {
		for n := range restarts {
			t.Logf("restart %d: %s", n, s.restart())
			time.Sleep(300 * time.Millisecond)
		}
		assert.Equal(t, restarts, s.count("STOPPING=1"))
		// And the socket goes on to the next process without the manager, too.
		s.upgrade()
	})
}

// talk has users send, report and read, one of them pushed and the other polling, while
// changes happen to the service: each request succeeds, nothing is lost or done twice, no
// number is used twice, and nobody shakes hands.
func talk(t *testing.T, activated bool, changes func(*service)) {
	home := newVillage()
	p := prepare(t, listen(t, home))
	s := newService(t, p, activated)
	pushed, polling := free(t, "tcp"), free(t, "tcp")
	p.start("connect", p.connectFlags(pushed, "pushed.state")...)
	p.start("connect", append(p.connectFlags(polling, "polling.state"), "--no-push")...)
	var (
		stop             atomic.Bool
		writing, reading sync.WaitGroup
	)
	us := newTalkers(t, p.homeserver, &stop, "http://"+pushed, "http://"+polling)
	for _, u := range us {
		require.NoError(t, u.sync(0), "before anything changes")
	}
	p.numbers.datagrams() // those of the handshakes
	for _, u := range us {
		writing.Go(u.send)
		writing.Go(u.report)
		reading.Go(u.read)
	}
	time.Sleep(500 * time.Millisecond)
	changes(s)
	stop.Store(true)
	writing.Wait()
	assert.NoError(t, us[0].leave())
	reading.Wait()

	var took []time.Duration
	for _, u := range us {
		assert.Empty(t, u.wrong)
		assert.NotZero(t, u.sent)
		assert.NotZero(t, u.reported)
		for _, other := range us {
			assert.Empty(t, u.missing(other))
		}
		took = append(took, u.took...)
	}
	assert.Empty(t, home.doubled())
	assert.Empty(t, p.numbers.faults())
	assert.Equal(t, 2, p.numbers.handshakes(), "those of the beginning")
	shaken := slices.ContainsFunc(p.numbers.datagrams(), func(d sent) bool { return d.handshake })
	assert.False(t, shaken, "a datagram of a handshake")
	slices.Sort(took)
	if len(took) > 0 {
		t.Logf("%d sends: median %s, 99 of 100 within %s, longest %s", len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	}
	s.stop()
	assert.NotZero(t, home.polls["20000"], "one user polls")
	assert.NotZero(t, home.polls["30000"], "and the server polls for the other")
	if t.Failed() {
		t.Log(s.log())
	}
}

// TestUpgradeRefused tries to upgrade to what could not serve: the process goes on.
func TestUpgradeRefused(t *testing.T) {
	home := newVillage()
	p := prepare(t, listen(t, home))
	configure := func(text string) error { return os.WriteFile(p.path("options.yaml"), []byte(text), 0o600) }
	require.NoError(t, configure(""))
	t.Setenv("COAPGW_CONFIG", p.path("options.yaml"))
	s := newService(t, p, false)
	web := free(t, "tcp")
	p.start("connect", p.connectFlags(web, "connect.state")...)
	u := newTalkers(t, p.homeserver, new(atomic.Bool), "http://"+web)[0]
	require.NoError(t, u.sync(0))
	working := p.binary + ".working"
	require.NoError(t, os.Link(p.binary, working))
	script := func(text string) func() error {
		return func() error {
			if err := os.WriteFile(p.path("next"), []byte(text), 0o755); err != nil {
				return err
			}
			return os.Rename(p.path("next"), p.binary)
		}
	}
	keys, err := os.ReadFile(p.path("keys"))
	require.NoError(t, err)
	pid := s.pid
	for _, tt := range []struct {
		name  string
		spoil func() error
	}{
		{"no key", func() error { return os.WriteFile(p.path("keys"), []byte("no key\n"), 0o600) }},
		{"an unknown option", func() error { return configure("no-option: 1\n") }},
		{"no token of the page", func() error {
			return configure("status-listen: 127.0.0.1:0\nstatus-token-file: " + p.path("no-token") + "\n")
		}},
		{"a program that ends", script("#!/bin/sh\nexit 0\n")},
		{"no program", script("no program")},
		{"nothing", func() error { return os.Remove(p.binary) }},
	} {
		require.NoError(t, tt.spoil(), tt.name)
		ready := s.count("READY=1")
		require.NoError(t, syscall.Kill(s.pid, syscall.SIGUSR2))
		s.await("STATUS=upgrade failed: ")
		s.await("READY=1")
		assert.Equal(t, ready+1, s.count("READY=1"), tt.name)
		assert.Equal(t, pid, s.pid, tt.name)
		assert.NoError(t, u.sync(0), tt.name)
		require.NoError(t, os.WriteFile(p.path("keys"), keys, 0o600))
		require.NoError(t, configure(""))
		_ = os.Remove(p.binary) // it may be gone
		require.NoError(t, os.Link(working, p.binary))
	}
	// What only shows when the earlier process is gone must not end the service.
	require.NoError(t, configure("status-listen: "+strings.TrimPrefix(p.homeserver, "http://")+"\n")) // which is taken
	s.upgrade()
	assert.Contains(t, s.log(), "no status page")
	assert.NotEqual(t, pid, s.pid)
	assert.NoError(t, u.sync(0))
	assert.Equal(t, 1, p.numbers.handshakes())
	s.stop()
}
