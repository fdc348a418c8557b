package matrix

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/conformance/recorder"
)

const (
	budgetsTable = "../../testdata/budgets.tsv"
	// tolerance is what ids and tokens of another run may change: the number of
	// digits of a stream position, which letters a Base64 hash has.
	tolerance = 0.05
	// ipUDP is what IPv4 and UDP add to each datagram, in bytes.
	ipUDP = 28
)

// repeated is how many rows are repeated against the homeserver: all but the large
// ones, which would take it half a minute, and those with waiting.
const repeated = 17

// size is what went over the link, in bytes of whole IPv4 packets.
type size struct{ up, down int }

func (s size) plus(o size) size  { return size{s.up + o.up, s.down + o.down} }
func (s size) minus(o size) size { return size{s.up - o.up, s.down - o.down} }

// within tells whether what was measured is the budget, give or take the
// tolerance.
func (s size) within(budget size) error {
	var errs []error
	for _, d := range []struct {
		name          string
		got, expected int
	}{{"up", s.up, budget.up}, {"down", s.down, budget.down}} {
		if off := math.Abs(float64(d.got-d.expected)) / float64(d.expected); off > tolerance {
			errs = append(errs, fmt.Errorf("%s: %d bytes, the table says %d", d.name, d.got, d.expected))
		}
	}
	return errors.Join(errs...)
}

// readBudgets reads what the table says of version 1 between two coapgw on the
// default link.
func readBudgets(t *testing.T) map[string]size {
	f, err := os.Open(budgetsTable)
	require.NoError(t, err)
	defer f.Close()
	in := csv.NewReader(f)
	in.Comma, in.Comment = '\t', '#'
	lines, err := in.ReadAll()
	require.NoError(t, err)
	column := make(map[string]int)
	for i, name := range lines[0] {
		column[name] = i
	}
	budgets := make(map[string]size)
	for _, line := range lines[1:] {
		field := func(name string) string { return line[column[name]] }
		if field("version") != "1" || field("peer") != "coapgw" || field("link") != "default" || field("path") == "r0" {
			continue
		}
		up, err := strconv.Atoi(field("up"))
		require.NoError(t, err)
		down, err := strconv.Atoi(field("down"))
		require.NoError(t, err)
		budgets[field("operation")] = size{up, down}
	}
	return budgets
}

// countedConn counts the datagrams of a client.
type countedConn struct {
	net.PacketConn
	up, down *atomic.Int64
}

func (c countedConn) WriteTo(p []byte, to net.Addr) (int, error) {
	c.up.Add(int64(len(p) + ipUDP))
	return c.PacketConn.WriteTo(p, to)
}

func (c countedConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(p)
	if err == nil {
		c.down.Add(int64(n + ipUDP))
	}
	return n, from, err
}

// tries is how often the operations are measured where one of several blocks is not within its
// budget: while the machine is busy with something else a block may be sent again. A block that is
// needless is so each time. What takes one datagram has to be right at once, unless it took so long
// that the first timer of an end (EmptyAckDelay, FlightInterval) had run out.
const tries = 3

// oneDatagram is what the largest takes.
const oneDatagram = 1280

// TestBytes: what the operations cost in front of the real homeserver is what
// conformance/budgets measures with recordings.
func TestBytes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	budgets := readBudgets(t)
	wrong := map[string]error{}
	seen := map[string]size{}
	for n := range tries {
		got := measureBytes(ctx, t, budgets, func(row string, err error) {
			if before, tried := wrong[row]; !tried || before != nil {
				wrong[row] = err
			}
		})
		assert.Len(t, got, repeated)
		maps.Copy(seen, got)
		if !slices.ContainsFunc(slices.Collect(maps.Values(wrong)), func(err error) bool { return err != nil }) {
			break
		}
		t.Logf("try %d: %v", n+1, wrong)
	}
	for row, err := range wrong {
		assert.NoError(t, err, row)
	}
	// The comparison can fail: no operation passes for a neighbour in the table.
	assert.Error(t, seen["send"].within(budgets["reaction"]))
	assert.Error(t, seen["sync"].within(budgets["echo"]))
}

// measureBytes lets new people do everything once over a link of their own, and tells of each row
// whether it is within its budget. It returns what all took.
func measureBytes(ctx context.Context, t *testing.T, budgets map[string]size, tell func(row string, err error)) map[string]size {
	dir := filepath.Join(t.TempDir(), "bytes")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	_, serve, err := startServe(ctx, bed.homeserverURL, dir)
	require.NoError(t, err)
	defer func() { assert.NoError(t, serve.Stop()) }()

	var up, down atomic.Int64
	transport := &coap.Transport{Dial: dialer(serve.Addr(), serve.PSK(), func() (net.PacketConn, error) {
		pc, err := listenUDP()
		return countedConn{pc, &up, &down}, err
	})}
	defer func() { assert.NoError(t, transport.Close()) }()
	seen := make(map[string]size)
	s := newScript(ctx, t, bed.homeserverURL, false, func(name string, req recorder.Request) recorder.Response {
		before, begun := size{int(up.Load()), int(down.Load())}, time.Now()
		resp, err := recorder.Do(ctx, transport, "http://gateway", req)
		require.NoError(t, err)
		got := size{int(up.Load()) - before.up, int(down.Load()) - before.down}
		row := name
		if name == "versions" {
			row = "handshake" // the connection is new
		}
		budget, ok := budgets[row]
		if !ok {
			return resp // on the way to a row
		}
		stalled := time.Since(begun) > min(link.Default().EmptyAckDelay, link.Default().FlightInterval)
		if err := got.within(budget); err != nil && stalled {
			// A homeserver on a busy machine: request and response were acknowledged on
			// their own, which has a price in the table too.
			budget = budget.plus(budgets["sync-delayed"]).minus(budgets["sync"])
		}
		tell(row, got.within(budget))
		if !stalled && max(budget.up, budget.down) <= oneDatagram {
			assert.NoError(t, got.within(budget), row)
		}
		t.Logf("%-12s up %6d (%6d)  down %6d (%6d)", row, got.up, budget.up, got.down, budget.down)
		seen[row] = got
		return resp
	})
	s.first()
	s.keys()
	s.chat()
	return seen
}

func TestWithin(t *testing.T) {
	budget := size{200, 1000}
	assert.NoError(t, size{210, 950}.within(budget))
	assert.ErrorContains(t, size{211, 1000}.within(budget), "up: 211 bytes, the table says 200")
	assert.ErrorContains(t, size{200, 949}.within(budget), "down: 949 bytes, the table says 1000")
}
