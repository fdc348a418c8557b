package https

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
	"github.com/coapgw/coapgw/conformance/https/tcpnet"
	"github.com/coapgw/coapgw/conformance/operations"
	"github.com/coapgw/coapgw/internal/linkemu"
)

var update = flag.Bool("update", false, "write what was measured into testdata")

// The runs are the same each time, but a collector or another version of net/http
// may move an acknowledgement, and with it some bytes.
const (
	tolerated     = 0.03
	toleratedFlat = 120 // two acknowledgements
)

const (
	day = 24 * time.Hour
	// calm is how long after an operation nothing more belongs to it.
	calm = time.Second
)

// traffic is what an operation costs, in bytes of whole IP packets.
type traffic struct{ up, down int }

func (a traffic) minus(b traffic) traffic { return traffic{a.up - b.up, a.down - b.down} }

func (n *pair) traffic() traffic {
	up, down := n.Traffic()
	return traffic{up.Bytes, down.Bytes}
}

// begin brings the connection to where an operation begins. One that restarted
// has nothing left of its connection.
func (n *pair) begin(t *testing.T, b operations.Begin) {
	if b != operations.Warm {
		return
	}
	warmup, err := operations.Warmup()
	require.NoError(t, err)
	_, err = n.Do(day, warmup...)
	require.NoError(t, err)
	n.Rest(calm)
}

// measure returns what an operation costs, with all that follows the last answer.
func measure(t *testing.T, p protocol, op operations.Operation) traffic {
	d := linkemu.Direction{Rate: 10e6, Delay: 20 * time.Millisecond}
	n := newPair(t, p, linkemu.Config{Up: d, Down: d}, tcpnet.CUBIC)
	defer n.close(t)
	n.begin(t, op.Begin)
	before := n.traffic()
	_, err := n.Do(day, op.Exchanges...)
	require.NoError(t, err, op.Name)
	n.Rest(calm)
	return n.traffic().minus(before)
}

// TestBytes holds the operations to the table.
func TestBytes(t *testing.T) {
	all, err := operations.All()
	require.NoError(t, err)
	var measured []row
	for _, op := range all {
		one, two := measure(t, http1, op), measure(t, http2, op)
		measured = append(measured, row{op.Name, fmt.Sprintf("%d\t%d\t%d\t%d", one.up, one.down, two.up, two.down)})
	}
	if *update {
		golden.Write(t, table(), measured)
	}
	want := make(map[string]string)
	for _, columns := range table().Rows(t) {
		want[columns[0]] = strings.Join(columns[1:], "\t")
	}
	assert.Len(t, want, len(measured))
	for _, r := range measured {
		assertNear(t, want[r.operation], r.numbers, r.operation)
	}
}
