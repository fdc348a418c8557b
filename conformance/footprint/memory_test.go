package footprint

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// memory is what a program has in the machine's memory, in kB.
type memory struct {
	// program are pages of its file: code, constants, and tables of the runtime. The system
	// drops them when memory is short, and reads them again.
	program int
	// own is what only it has: heap, stacks, variables.
	own int
}

func (m memory) total() int { return m.program + m.own }

// most is the greater of each.
func (m memory) most(n memory) memory {
	return memory{max(m.program, n.program), max(m.own, n.own)}
}

// mapping is a part of an address space, as /proc/PID/smaps has it.
type mapping struct {
	from      uint64
	file      string // or a name in brackets
	resident  int    // kB
	anonymous int    // kB of that which are not, or no longer, pages of a file
}

// readMappings reads /proc/PID/smaps.
func readMappings(r io.Reader) ([]mapping, error) {
	var all []mapping
	in := bufio.NewScanner(r)
	for in.Scan() {
		words := strings.Fields(in.Text())
		if len(words) >= 5 && !strings.HasSuffix(words[0], ":") {
			from, _, _ := strings.Cut(words[0], "-")
			at, err := strconv.ParseUint(from, 16, 64)
			if err != nil {
				return nil, err
			}
			all = append(all, mapping{from: at, file: strings.Join(words[5:], " ")})
			continue
		}
		if len(words) != 3 || len(all) == 0 {
			continue
		}
		last := &all[len(all)-1]
		kB, _ := strconv.Atoi(words[1])
		switch words[0] {
		case "Rss:":
			last.resident = kB
		case "Anonymous:":
			last.anonymous = kB
		}
	}
	return all, in.Err()
}

// An emulator lies in the address space of its guest. What is the guest's is told by place:
// addresses are the same for both here (qemu's guest_base is 0).
const (
	// narrowEnd is the end of a 32-bit guest's addresses; qemu is above.
	narrowEnd = 1 << 32
	// emulatorSpan is how far below its program qemu's own memory lies: translated code
	// and the heaps of its threads. A guest of 64 bits has nothing so close to it.
	emulatorSpan = 64 << 30
)

// ofGuest are the mappings of a program under an emulator.
func ofGuest(all []mapping, wide bool, emulator string) []mapping {
	qemu := uint64(0)
	for _, m := range all {
		if strings.HasSuffix(m.file, "/"+emulator) && (qemu == 0 || m.from < qemu) {
			qemu = m.from
		}
	}
	var guest []mapping
	for _, m := range all {
		switch {
		case !wide && m.from >= narrowEnd:
		case wide && m.from >= qemu-emulatorSpan:
		case m.file == "[heap]": // qemu's; a guest of ours has none
		default:
			guest = append(guest, m)
		}
	}
	return guest
}

// sum is what is resident of some mappings.
func sum(all []mapping) (m memory) {
	for _, one := range all {
		m.own += one.anonymous
		m.program += one.resident - one.anonymous
	}
	return m
}

// memory is what the program has now. Of what the emulator takes nothing counts.
func (p *running) memory(a target) (memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", p.Cmd.Process.Pid))
	if err != nil {
		return memory{}, err
	}
	defer f.Close()
	all, err := readMappings(f)
	if err != nil {
		return memory{}, err
	}
	if a.emulator != "" {
		all = ofGuest(all, a.wide, a.emulator)
	}
	m := sum(all)
	if m.program == 0 || m.own == 0 {
		return m, fmt.Errorf("nothing is mapped: %+v", all)
	}
	return m, nil
}

// sampleEvery is how often a watch looks.
const sampleEvery = 20 * time.Millisecond

// watch looks at the program's memory until the function returned is called, which returns
// the most that was seen of each part.
func (p *running) watch(a target) (most func() memory) {
	stop, seen := make(chan struct{}), make(chan memory)
	go func() {
		var greatest memory
		for tick := time.NewTicker(sampleEvery); ; {
			if m, err := p.memory(a); err == nil { // an error is that it has ended
				greatest = greatest.most(m)
			}
			select {
			case <-tick.C:
			case <-stop:
				tick.Stop()
				seen <- greatest
				return
			}
		}
	}()
	return func() memory {
		close(stop)
		return <-seen
	}
}

func TestMappings(t *testing.T) {
	const text = `00011000-0087f000 r--p 00000000 fe:00 99948                            /bin/guest
Size:               8632 kB
Rss:                6968 kB
Anonymous:          6968 kB
Anonymous:             8 kB
VmFlags: rd mr mw me sd
03401000-04001000 rw-p 00000000 00:00 0
Rss:               10520 kB
Anonymous:         10520 kB
5555593e0000-555559957000 rw-p 00000000 00:00 0                          [heap]
Rss:                5572 kB
Anonymous:          5572 kB
7fb344000000-7fb34bfff000 rwxp 00000000 00:00 0
Rss:               12288 kB
Anonymous:         12288 kB
7fb351800000-7fb351a18000 r--p 00000000 fe:00 10166                      /usr/bin/qemu-mipsel-static
Rss:                2144 kB
`
	all, err := readMappings(strings.NewReader(text))
	require.NoError(t, err)
	require.Len(t, all, 5)
	want := memory{6960, 10528}
	assert.Equal(t, want, sum(ofGuest(all, false, "qemu-mipsel-static")))
	assert.Equal(t, want, sum(ofGuest(all, true, "qemu-mipsel-static")))
	assert.Equal(t, memory{6960 + 2144, 10528 + 5572 + 12288}, sum(all))
	assert.Equal(t, 17488, want.total())
}
