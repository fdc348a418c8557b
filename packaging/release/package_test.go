package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chroot is a clean Debian, in which systemd is there and does not run.
type chroot struct {
	t   *testing.T
	dir string
}

// newChroot makes one of this machine's release with some packages; it needs root, and
// Debian's mirrors.
func newChroot(t *testing.T, include ...string) chroot {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("CI") == "" {
		t.Skip("only root can change into another root directory")
	}
	c := chroot{t, filepath.Join(t.TempDir(), "root")}
	script := `. /etc/os-release && mmdebstrap --mode=root --variant=essential --include="$2" --dpkgopt=force-unsafe-io --quiet "$VERSION_CODENAME" "$1"`
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", c.dir, strings.Join(include, ",")).CombinedOutput()
	require.NoError(t, err, string(out))
	return c
}

// run runs a program in the chroot and returns what it prints.
func (c chroot) run(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	require.NoError(c.t, err, out)
	return out
}

func (c chroot) try(args ...string) (string, error) {
	command := exec.CommandContext(c.t.Context(), "chroot", append([]string{c.dir}, args...)...)
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive"}
	out, err := command.CombinedOutput()
	return string(out), err
}

// install installs a package from outside.
func (c chroot) install(deb string) {
	c.t.Helper()
	data, err := os.ReadFile(deb)
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(filepath.Join(c.dir, "root/coapgw.deb"), data, 0o644))
	c.run("dpkg", "--install", "/root/coapgw.deb")
}

// state returns owner and mode of a file, and its text.
func (c chroot) state(name string) (owner, text string) {
	c.t.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	require.NoError(c.t, err)
	return strings.TrimSpace(c.run("stat", "--format=%U:%G %a", name)), string(data)
}

// What the package has, with its modes.
var packaged = map[string]fs.FileMode{
	"usr/bin/coapgw":                                  0o755,
	"usr/share/man/man1/coapgw.1.gz":                  0o644,
	"usr/share/bash-completion/completions/coapgw":    0o644,
	"usr/share/zsh/vendor-completions/_coapgw":        0o644,
	"usr/share/fish/vendor_completions.d/coapgw.fish": 0o644,
	"usr/share/doc/coapgw/copyright":                  0o644,
	"usr/share/doc/coapgw/examples/serve.env":         0o644,
	"usr/share/doc/coapgw/examples/connect.env":       0o644,
	"usr/lib/systemd/system/coapgw-serve.service":     0o644,
	"usr/lib/systemd/system/coapgw-serve.socket":      0o644,
	"usr/lib/systemd/system/coapgw-connect.service":   0o644,
	"usr/lib/systemd/user/coapgw-connect.service":     0o644,
}

// A package is installed in a clean root, upgraded to the next one, removed and
// purged.
func TestPackage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	work := t.TempDir()
	arch, err := exec.CommandContext(t.Context(), "dpkg", "--print-architecture").Output()
	require.NoError(t, err)
	var here target
	for _, candidate := range targets {
		if candidate.debian == strings.TrimSpace(string(arch)) {
			here = candidate
		}
	}
	require.NotEmpty(t, here.debian, "no package for %s", arch)
	debs := make(map[string]string)
	for _, version := range []string{"v1.2.3", "v1.2.4"} {
		r, err := newRelease(t.Context(), root(t), version)
		require.NoError(t, err)
		manual := filepath.Join(work, "manual"+version)
		require.NoError(t, r.manual(t.Context(), manual))
		made, err := r.build(t.Context(), here, filepath.Join(work, "stage"+version), manual, work)
		require.NoError(t, err)
		require.Len(t, made, 2)
		debs[version] = filepath.Join(work, made[1])
	}
	c := newChroot(t, "adduser", "systemd-sysv", "procps")

	c.install(debs["v1.2.3"])
	for name, mode := range packaged {
		info, err := os.Stat(filepath.Join(c.dir, name))
		if assert.NoError(t, err, name) {
			assert.Equal(t, mode, info.Mode(), name)
			assert.Equal(t, int64(1700000000), info.ModTime().Unix(), "%s has another time", name)
		}
	}
	assert.Contains(t, c.run("coapgw", "version"), "coapgw v1.2.3,")
	assert.Contains(t, c.run("coapgw", "serve", "--help"), "Usage: coapgw serve")
	assert.Contains(t, c.run("coapgw", "demo", "--json"), "{")
	assert.Equal(t, "ii  1.2.3", strings.TrimSpace(c.run("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev} ${Version}", "coapgw")))
	assert.Contains(t, c.run("getent", "passwd", "coapgw"), ":/var/lib/coapgw:/usr/sbin/nologin")
	assert.Equal(t, "root:coapgw 750\ncoapgw:coapgw 700", strings.TrimSpace(c.run("stat", "--format=%U:%G %a", "/etc/coapgw", "/var/lib/coapgw")))
	for _, unit := range []string{"coapgw-serve.service", "coapgw-connect.service"} {
		_, err := os.Lstat(filepath.Join(c.dir, "etc/systemd/system/multi-user.target.wants", unit))
		assert.NoError(t, err, "%s is not enabled", unit)
	}

	// As the documentation says.
	c.run("install", "-m", "0640", "-g", "coapgw", "/usr/share/doc/coapgw/examples/serve.env", "/etc/coapgw/serve.env")
	c.run("setpriv", "--reuid=coapgw", "--regid=coapgw", "--clear-groups", "coapgw", "keygen", "psk", "--psk-file", "/var/lib/coapgw/keys")
	configOwner, config := c.state("/etc/coapgw/serve.env")
	keysOwner, keys := c.state("/var/lib/coapgw/keys")
	assert.Equal(t, "root:coapgw 640", configOwner)
	assert.Equal(t, "coapgw:coapgw 600", keysOwner)
	kept := func(after string) {
		owner, text := c.state("/etc/coapgw/serve.env")
		assert.Equal(t, []string{configOwner, config}, []string{owner, text}, after)
		owner, text = c.state("/var/lib/coapgw/keys")
		assert.Equal(t, []string{keysOwner, keys}, []string{owner, text}, after)
	}
	// Who turns a service off has it off.
	c.run("rm", "/etc/systemd/system/multi-user.target.wants/coapgw-connect.service")

	c.install(debs["v1.2.4"])
	assert.Contains(t, c.run("coapgw", "version"), "coapgw v1.2.4,")
	kept("upgrade")
	_, err = os.Lstat(filepath.Join(c.dir, "etc/systemd/system/multi-user.target.wants/coapgw-connect.service"))
	assert.ErrorIs(t, err, fs.ErrNotExist, "the upgrade turned it on again")

	c.run("dpkg", "--remove", "coapgw")
	for name := range packaged {
		assert.NoFileExists(t, filepath.Join(c.dir, name))
	}
	kept("remove")

	c.run("dpkg", "--purge", "coapgw")
	for _, name := range []string{"etc/coapgw", "var/lib/coapgw", "usr/share/doc/coapgw"} {
		assert.NoDirExists(t, filepath.Join(c.dir, name))
	}
	_, err = c.try("getent", "passwd", "coapgw")
	assert.Error(t, err, "the user is still there")
	left, err := exec.CommandContext(t.Context(), "find", filepath.Join(c.dir, "etc"), filepath.Join(c.dir, "lib"), filepath.Join(c.dir, "usr"), filepath.Join(c.dir, "var"),
		"-name", "*coapgw*", "-not", "-path", "*/var/log/*").Output()
	require.NoError(t, err)
	assert.Empty(t, string(left))

	// And again, from nothing.
	c.install(debs["v1.2.4"])
	assert.Contains(t, c.run("coapgw", "version"), "coapgw v1.2.4,")
	c.run("dpkg", "--purge", "coapgw")

	checkServices(t, c, debs["v1.2.3"], debs["v1.2.4"])
}
