package importgraph

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notSmall is what a build for small machines has no use for: the other end of the link,
// exporters, and what people look at traffic with.
var notSmall = []string{
	module + "/internal/metrics", module + "/internal/tracing", module + "/internal/upgrade", module + "/internal/fakehs", module + "/internal/linkemu",
	module + "/internal/demo", module + "/internal/inspect", module + "/internal/measure", module + "/internal/manual",
	"github.com/prometheus", "go.opentelemetry.io", "google.golang.org", "testing", "net/http/pprof", "expvar", "go/parser",
}

// What tags leave out of the program is not there by another way either. That its linker
// takes the server's side out of the packages that have both is for conformance/footprint.
func TestClientOnlyIsLean(t *testing.T) {
	program := module + "/cmd/coapgw"
	small := list(t, "-tags", "clientonly", program)
	require.Contains(t, small[program].GoFiles, "commands_clientonly.go")
	for path := range small {
		assert.False(t, matches(path, notSmall), path)
	}
	whole := list(t, program)
	for _, name := range notSmall[:12] {
		found := false
		for path := range whole {
			found = found || matches(path, []string{name})
		}
		assert.True(t, found, "nothing has %s, so that its absence says nothing", name)
	}
}
