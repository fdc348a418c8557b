package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience ends what hangs: systemd takes its time on a busy machine.
const patience = 5 * time.Minute

// booted is a chroot in which systemd runs, in namespaces of its own: it reaches
// nothing outside.
type booted struct {
	chroot
	leader string // process ID of its init
}

// boot starts systemd in c and waits until it is up.
func boot(c chroot) booted {
	t := c.t
	t.Helper()
	nspawn := exec.Command("systemd-nspawn", "--quiet", "--directory="+c.dir, "--boot", "--private-network",
		"--register=no", "--keep-unit", "--console=pipe", "--link-journal=no")
	nspawn.Stdout, nspawn.Stderr = t.Output(), t.Output()
	require.NoError(t, nspawn.Start())
	ended := make(chan error, 1)
	go func() { ended <- nspawn.Wait() }()
	t.Cleanup(func() {
		_ = nspawn.Process.Signal(syscall.SIGTERM) // systemd powers off
		select {
		case <-ended:
		case <-time.After(patience):
			_ = nspawn.Process.Kill()
			<-ended
			t.Error("it does not power off")
		}
	})
	b := booted{chroot: c}
	require.Eventually(t, func() bool {
		pid := strconv.Itoa(nspawn.Process.Pid)
		children, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children")
		if err != nil || len(strings.Fields(string(children))) != 1 {
			return false
		}
		b.leader = strings.Fields(string(children))[0]
		if name, err := os.ReadFile("/proc/" + b.leader + "/comm"); err != nil || strings.TrimSpace(string(name)) != "systemd" {
			return false
		}
		state, _ := b.try("systemctl", "is-system-running")
		return strings.HasPrefix(state, "running") || strings.HasPrefix(state, "degraded")
	}, patience, 200*time.Millisecond, "systemd does not come up")
	return b
}

// try runs a program in the namespaces of the chroot's init.
func (b booted) try(args ...string) (string, error) {
	enter := append([]string{"--target", b.leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"}, args...)
	command := exec.CommandContext(b.t.Context(), "nsenter", enter...)
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	out, err := command.CombinedOutput()
	return string(out), err
}

func (b booted) run(args ...string) string {
	b.t.Helper()
	out, err := b.try(args...)
	require.NoError(b.t, err, out)
	return out
}

// property returns one of a unit's.
func (b booted) property(unit, name string) string {
	b.t.Helper()
	return strings.TrimSpace(b.run("systemctl", "show", "--value", "--property="+name, unit))
}

// checkServices installs, starts, upgrades and purges where systemd runs. Both sides
// must say that they are ready, from inside their sandboxes.
func checkServices(t *testing.T, c chroot, older, newer string) {
	b := boot(c)
	units := []string{"coapgw-serve.service", "coapgw-connect.service"}
	put := func(name, from string) {
		data, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(c.dir, "root", name), data, 0o644))
	}
	put("older.deb", older)
	put("newer.deb", newer)

	b.run("dpkg", "--install", "/root/older.deb")
	for _, unit := range units {
		assert.Equal(t, "enabled", b.property(unit, "UnitFileState"))
		assert.Equal(t, "inactive", b.property(unit, "ActiveState"), "started without a configuration")
		assert.Equal(t, "no", b.property(unit, "ConditionResult"))
	}

	b.run("runuser", "-u", "coapgw", "--", "sh", "-c", "cd && coapgw keygen psk --psk-file keys --server 127.0.0.1:5684 >pairing && chmod 600 pairing")
	b.run("sh", "-c", `printf '%s\n' COAPGW_HOMESERVER=http://127.0.0.1:8080 COAPGW_SERVER_NAME=example.org COAPGW_PSK_FILE=keys >/etc/coapgw/serve.env
		echo COAPGW_PAIRING=@pairing >/etc/coapgw/connect.env`)
	before := make(map[string]string)
	for _, unit := range units {
		b.run("systemctl", "start", unit)
		assert.Equal(t, "active", b.property(unit, "ActiveState"), b.run("journalctl", "--no-pager", "--unit", unit))
		before[unit] = b.property(unit, "MainPID")
	}

	before[units[0]] = b.checkTakeover(units[0], before[units[0]])

	b.run("dpkg", "--install", "/root/newer.deb")
	for _, unit := range units {
		assert.Equal(t, "active", b.property(unit, "ActiveState"))
		assert.Equal(t, "0", b.property(unit, "NRestarts"), "it failed in between")
		assert.NotEqual(t, before[unit], b.property(unit, "MainPID"), "the old program still runs")
	}

	b.run("dpkg", "--purge", "coapgw")
	_, err := b.try("pgrep", "coapgw")
	assert.Error(t, err, "something still runs")
	assert.NoDirExists(t, filepath.Join(c.dir, "var/lib/coapgw"))
}

// checkTakeover has a new process take over from the service's main one and returns its
// PID (docs/upgrade.md). The service manager must hear of it, from inside the sandbox, and see
// no service that ended; reloads then reach the new process.
func (b booted) checkTakeover(unit, old string) (pid string) {
	b.run("systemctl", "kill", "--kill-whom=main", "--signal=USR2", unit)
	require.Eventually(b.t, func() bool {
		pid = b.property(unit, "MainPID")
		_, err := b.try("kill", "-0", old)
		return pid != old && err != nil && b.property(unit, "ActiveState") == "active"
	}, patience, 50*time.Millisecond, "%s: no new process", unit)
	assert.Equal(b.t, "0", b.property(unit, "NRestarts"), "it was a restart")
	b.run("systemctl", "reload", unit)
	assert.Equal(b.t, pid, b.property(unit, "MainPID"))
	assert.Equal(b.t, "active", b.property(unit, "ActiveState"))
	return pid
}
