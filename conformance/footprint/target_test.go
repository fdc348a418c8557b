package footprint

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
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
}

// within is the target with a limit of the address space, in kB.
func (a target) within(limit int) target {
	a.limit = limit
	return a
}

// targets are those of releases for Linux (packaging/release), and 386, which is none of
// them: it is how a 32-bit program takes memory without an emulator.
var targets = []target{
	{"amd64", []string{"GOARCH=amd64"}, "", true, 0},
	{"386", []string{"GOARCH=386"}, "", false, 0},
	{"arm64", []string{"GOARCH=arm64"}, "qemu-aarch64-static", true, 0},
	{"armv7", []string{"GOARCH=arm", "GOARM=7"}, "qemu-arm-static", false, 0},
	{"mipsle", []string{"GOARCH=mipsle", "GOMIPS=softfloat"}, "qemu-mipsel-static", false, 0},
	{"riscv64", []string{"GOARCH=riscv64", "GORISCV64=rva20u64"}, "qemu-riscv64-static", true, 0},
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
