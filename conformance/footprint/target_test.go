package footprint

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// target is what a program is built for.
type target struct {
	name string
	env  []string // what go build must be told
	// emulator runs its programs here, empty where the processor does.
	emulator string
	// wide are addresses of 64 bits.
	wide bool
	// limit bounds the address space of its programs, in kB; 0 for none.
	limit int
	// cross is in front of the names of its compiler and binutils, where these are wanted.
	cross string
	// bare: it has no system, and nothing here runs its programs.
	bare bool
}

// within is the target with a limit of the address space, in kB.
func (a target) within(limit int) target {
	a.limit = limit
	return a
}

// cortexM4 is the processor of a microcontroller.
const cortexM4 = "cortex-m4"

// targets are those of releases for Linux (packaging/release), and two which are none of them:
// 386 is how a 32-bit program takes memory without an emulator, and the other one has no
// system.
var targets = []target{
	{name: "amd64", env: []string{"GOARCH=amd64"}, wide: true},
	{name: "386", env: []string{"GOARCH=386"}},
	{name: "arm64", env: []string{"GOARCH=arm64"}, emulator: "qemu-aarch64-static", wide: true},
	{name: "armv7", env: []string{"GOARCH=arm", "GOARM=7"}, emulator: "qemu-arm-static", cross: "arm-linux-gnueabihf-"},
	{name: "mipsle", env: []string{"GOARCH=mipsle", "GOMIPS=softfloat"}, emulator: "qemu-mipsel-static"},
	{name: "riscv64", env: []string{"GOARCH=riscv64", "GORISCV64=rva20u64"}, emulator: "qemu-riscv64-static", wide: true},
	{name: cortexM4, cross: "arm-linux-gnueabihf-", bare: true},
}

func targetNamed(t *testing.T, name string) target {
	t.Helper()
	for _, one := range targets {
		if one.name == name {
			return one
		}
	}
	require.FailNow(t, "no such target", name)
	return target{}
}

// command runs a program of the target as the service of a router does.
func (a target) command(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	require.Equal(t, "amd64", runtime.GOARCH, "what runs without an emulator here runs on amd64")
	argv := append([]string{program}, args...)
	if a.emulator != "" {
		path, err := exec.LookPath(a.emulator)
		require.NoError(t, err, "%s is missing: run apt-get install qemu-user-static", a.emulator)
		argv = append([]string{path}, argv...)
	}
	if a.limit != 0 {
		argv = append([]string{"/bin/sh", "-c", `ulimit -v "$0" && exec "$@"`, strconv.Itoa(a.limit)}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), goMemory)
	if a.emulator != "" && a.cross != "" { // where it finds the libraries of C
		cmd.Env = append(cmd.Env, "QEMU_LD_PREFIX=/usr/"+strings.TrimSuffix(a.cross, "-"))
	}
	return cmd
}

// build compiles a program as packaging/release does, but for what it says of its version,
// into a file of dir.
func (a target) build(t *testing.T, p program, dir string) (file string) {
	t.Helper()
	file = filepath.Join(dir, p.name+"-"+a.name)
	args := []string{"build", "-o", file, "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid="}
	cmd := exec.CommandContext(t.Context(), "go", append(args, append(p.flags, p.pkg)...)...)
	cmd.Dir = "../.."
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), a.env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return file
}
