//go:build unix

package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// roleVariable makes the test binary one of the processes of a pair.
const roleVariable = "COAPGW_BENCH_ROLE"

// profileVariable names a directory for the profiles of each process: cpu while it
// runs, heap and goroutine when it was last asked for its memory.
const profileVariable = "COAPGW_BENCH_PROFILES"

func TestMain(m *testing.M) {
	name, isRole := os.LookupEnv(roleVariable)
	if !isRole {
		os.Exit(m.Run())
	}
	if err := play(name, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play runs a role until its standard input ends. It prints where it listens,
// then a sample for each line that it reads.
func play(name string, args []string) error {
	address, stop, err := roles[name](args)
	if err != nil {
		return err
	}
	defer stop()
	dir := os.Getenv(profileVariable)
	if dir != "" {
		done, err := profile(dir, name)
		if err != nil {
			return err
		}
		defer done()
	}
	fmt.Println(address)
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		memory := in.Text() == askMemory
		if err := out.Encode(takeSample(memory)); err != nil {
			return err
		}
		if memory && dir != "" {
			if err := errors.Join(writeProfile(dir, name, "heap"), writeProfile(dir, name, "goroutine")); err != nil {
				return err
			}
		}
	}
	return nil
}

// profile records a CPU profile of this process until done is called.
func profile(dir, role string) (done func(), err error) {
	f, err := os.Create(filepath.Join(dir, role+".cpu.pprof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// writeProfile writes what a process holds at the moment.
func writeProfile(dir, role, kind string) error {
	f, err := os.Create(filepath.Join(dir, role+"."+kind+".pprof"))
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.Lookup(kind).WriteTo(f, 0)
}

// sample is what a process has used so far.
type sample struct {
	// CPU is user and system time.
	CPU time.Duration
	// InUse is the memory of live objects and of stacks, Resident what the
	// system has given to the process, both in bytes; only when memory was asked
	// for.
	InUse, Resident int
	Goroutines      int
}

// Lines that ask a process for a sample.
const (
	askCPU    = "cpu"
	askMemory = "memory"
)

func takeSample(memory bool) sample {
	var s sample
	if memory {
		for range 3 {
			runtime.GC() // each shrinks stacks by half
		}
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.InUse, s.Resident = int(m.HeapAlloc+m.StackInuse), resident()
	}
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err == nil {
		s.CPU = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	s.Goroutines = runtime.NumGoroutine()
	return s
}

// resident is the resident set in bytes, 0 where the system does not tell.
func resident() int {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var total, pages int
	_, _ = fmt.Sscan(string(b), &total, &pages)
	return pages * os.Getpagesize()
}

// process is a role that runs.
type process struct {
	tb      testing.TB
	address string
	in      io.WriteCloser
	out     *bufio.Reader
}

// start runs a role until the test ends.
func start(tb testing.TB, role string, args ...string) *process {
	tb.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(tb, err)
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		_ = in.Close()
		require.NoError(tb, cmd.Wait(), role)
	})
	p := &process{tb: tb, in: in, out: bufio.NewReader(out)}
	p.address = strings.TrimSpace(p.line())
	return p
}

func (p *process) line() string {
	s, err := p.out.ReadString('\n')
	require.NoError(p.tb, err)
	return s
}

func (p *process) sample(what string) (s sample) {
	_, err := fmt.Fprintln(p.in, what)
	require.NoError(p.tb, err)
	require.NoError(p.tb, json.Unmarshal([]byte(p.line()), &s))
	return s
}
