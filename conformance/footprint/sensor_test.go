package footprint

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/process"
)

// readings is how many lines a sensor is given.
const readings = 50

// report runs examples/go/sensor: each line of its input becomes a message in a room.
func (w *world) report(t *testing.T, a target, file string) (took taken) {
	t.Helper()
	room := w.rooms[0]
	cmd := a.command(t, file, w.pairing, room)
	cmd.Env = append(cmd.Env, "MATRIX_TOKEN="+w.alice.Token)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	p := start(t, cmd)
	most := p.watch(a)
	run := time.Now().UnixNano() // the room has readings of others
	for n := range readings {
		text := fmt.Sprintf("%d.%03d", run, n)
		_, err := io.WriteString(in, text+"\n")
		require.NoError(t, err)
		if n == 0 || n == readings-1 {
			w.awaitSaid(t, p, room, text)
		}
		if n == 0 {
			took.started = time.Since(p.Began)
		}
	}
	took.idle, err = p.memory(a) // until the next reading
	require.NoError(t, err)
	took.used = most().most(took.idle)
	require.NoError(t, in.Close())
	require.NoError(t, p.End())
	return took
}

// awaitSaid waits until a text that a program is to say is in a room.
func (w *world) awaitSaid(t *testing.T, p *running, room, text string) {
	t.Helper()
	for began := time.Now(); !slices.Contains(w.bob.messages(room), text); time.Sleep(5 * time.Millisecond) {
		require.Less(t, time.Since(began), process.Patience, "it is never said")
		select {
		case <-p.Ended:
			require.FailNow(t, "it ended before it was said")
		default:
		}
	}
}
