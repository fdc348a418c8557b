package footprint

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/people"
)

// withC are the targets for which Debian's compiler of C is looked for.
var withC = []string{"amd64", "armv7"}

// debianPackages are where the programs that build C come from.
const debianPackages = "gcc pkgconf libcoap3-dev gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"

// outputOf runs a program that is needed.
func outputOf(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	require.NoError(t, cmd.Err, "a program is missing: run apt-get install %s", debianPackages)
	var says bytes.Buffer
	cmd.Stderr = &says
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", cmd, says.String())
	return string(out)
}

// gcc compiles C for a target, for as few bytes as an embedded program wants.
func (a target) gcc(t *testing.T, args ...string) {
	t.Helper()
	outputOf(t, exec.CommandContext(t.Context(), a.cross+"gcc", append([]string{"-Os", "-Wall", "-Wextra", "-Werror"}, args...)...))
}

// compileC builds the library as it is shipped and the example in C with it. The library is
// one of the files where it is not in the program.
func (a target) compileC(t *testing.T, dir string, static bool) (files []string) {
	t.Helper()
	dir = filepath.Join(dir, "libcoapgw-"+a.name)
	build := exec.CommandContext(t.Context(), "../../clib/build.sh")
	build.Env = append(os.Environ(), "CROSS="+a.cross, "PREFIX="+dir, "DESTDIR=", "LIBDIR=", "VERSION=v1.2.3", "TAGS=")
	build.Env = append(build.Env, a.env...)
	lib := filepath.Join(dir, "lib")
	if _, err := os.Stat(lib); err != nil {
		outputOf(t, build)
	}
	program := filepath.Join(dir, "room")
	args := []string{"-s", "-pthread", "-I", filepath.Join(dir, "include"), "-L", lib, "../../examples/c/room.c", "-lcoapgw"}
	if static {
		program += "-static"
		a.gcc(t, append(args, "-static", "-o", program)...)
		return []string{program}
	}
	a.gcc(t, append(args, "-Wl,-rpath,"+lib, "-o", program)...)
	return []string{program, filepath.Join(lib, "libcoapgw.so.1")}
}

const microcontroller = "../../examples/microcontroller/"

// compileLibcoap builds the client on libcoap for this machine.
func compileLibcoap(t *testing.T, a target, dir string) (files []string) {
	t.Helper()
	program := filepath.Join(dir, "libcoap-"+a.name)
	flags := strings.Fields(outputOf(t, exec.CommandContext(t.Context(), "pkg-config", "--cflags", "--libs", "libcoap-3-openssl")))
	a.gcc(t, append([]string{"-s", "-o", program, microcontroller + "room.c"}, flags...)...)
	return []string{program}
}

// compileCortexM4 builds the client for a microcontroller, as its Makefile does, and returns a
// file of the code and constants in it.
func compileCortexM4(t *testing.T, a target, dir string) (files []string) {
	t.Helper()
	work := filepath.Join(dir, "libcoap-"+a.name)
	require.NoError(t, os.CopyFS(work, os.DirFS(microcontroller)))
	outputOf(t, exec.CommandContext(t.Context(), "make", "-C", work, "size"))
	object, flash := filepath.Join(work, "room.m4.o"), filepath.Join(work, "flash")
	outputOf(t, exec.CommandContext(t.Context(), a.cross+"ld", "-r", "-o", object+".one", "-T", linkerScript(t, work), object))
	outputOf(t, exec.CommandContext(t.Context(), a.cross+"objcopy", "-O", "binary", "-j", ".text", object+".one", flash))
	return []string{flash}
}

// linkerScript puts code and constants into one section.
func linkerScript(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "flash.ld")
	require.NoError(t, os.WriteFile(name, []byte("SECTIONS { .text : { *(.text .text.* .rodata .rodata.*) } }\n"), 0o600))
	return name
}

// chat runs examples/c/room.c, which logs in, sends a message and prints a room until its last
// word.
func (w *world) chat(t *testing.T, a target, file string) (took taken) {
	t.Helper()
	room, run := w.rooms[0], fmt.Sprint(time.Now().UnixNano())
	end := "over " + run
	// A file of sessions is made beside the pairing line.
	pairing := filepath.Join(t.TempDir(), "boat.pairing")
	line, err := os.ReadFile(w.pairing)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(pairing, line, 0o600))
	cmd := a.command(t, file, pairing, "alice", url.PathEscape(room), "from C "+run, end)
	cmd.Stdin = strings.NewReader(people.Password + "\n")
	p := start(t, cmd)
	most := p.watch(a)
	p.Await("sent ")
	took.started = time.Since(p.Began)
	took.idle, err = p.memory(a)
	require.NoError(t, err)
	w.listens(t, p, room, run)
	took.used = most().most(took.idle)
	w.bob.say(room, "end"+run, end)
	require.NoError(t, p.End())
	return took
}

// listens has a program hear what is said in a room.
func (w *world) listens(t *testing.T, p *running, room, run string) {
	t.Helper()
	for n := range history {
		text := fmt.Sprintf("said %s-%d", run, n)
		w.bob.say(room, fmt.Sprint(run, n), text)
		p.Await(text)
	}
}

// relate runs the client on libcoap, which sends the lines of its input and prints a room.
func (w *world) relate(t *testing.T, a target, file string) (took taken) {
	t.Helper()
	room, run := w.rooms[0], fmt.Sprint(time.Now().UnixNano())
	host, port, err := net.SplitHostPort(w.serve)
	require.NoError(t, err)
	cmd := a.command(t, file, host, port, room)
	cmd.Env = append(cmd.Env, "PSK="+w.psk, "MATRIX_USER=alice", "MATRIX_PASSWORD="+people.Password)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	p := start(t, cmd)
	most := p.watch(a)
	_, err = io.WriteString(in, "from libcoap "+run+"\n")
	require.NoError(t, err)
	w.awaitSaid(t, p, room, "from libcoap "+run)
	took.started = time.Since(p.Began)
	took.idle, err = p.memory(a)
	require.NoError(t, err)
	w.listens(t, p, room, run)
	took.used = most().most(took.idle)
	p.stop()
	return took
}

// TestCortexM4 compares what is told of a microcontroller with what size says.
func TestCortexM4(t *testing.T) {
	dir := t.TempDir()
	a := targetNamed(t, cortexM4)
	files := compileCortexM4(t, a, dir)
	plain, _ := sizes(t, files)
	said := outputOf(t, exec.CommandContext(t.Context(), a.cross+"size", "-A", filepath.Join(dir, "libcoap-"+a.name, "room.m4.o")))
	text := int64(0)
	for _, found := range regexp.MustCompile(`(?m)^\.(?:text|rodata)\S*\s+(\d+)`).FindAllStringSubmatch(said, -1) {
		var n int64
		_, err := fmt.Sscan(found[1], &n)
		require.NoError(t, err)
		text += n
	}
	require.InDelta(t, text, plain, 64, said) // which are gaps between them
}
