package metrics

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/coapgw/coapgw/conformance/golden"
)

const dashboard = "../../docs/grafana.json"

// described returns name and help of all metrics of ours, as rows of a table.
func described(t *testing.T) (rows []string, names map[string]bool) {
	t.Helper()
	m := New(Options{Role: "serve", Status: status, Outbox: func() (int, int64) { return 0, 0 }})
	use(m)
	families, err := m.registry.Gather()
	require.NoError(t, err)
	names = map[string]bool{}
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, namespace+"_") {
			continue
		}
		names[name] = true
		labels := map[string]bool{}
		var listed []string
		for _, series := range f.GetMetric() {
			for _, l := range series.GetLabel() {
				if !labels[l.GetName()] {
					labels[l.GetName()] = true
					listed = append(listed, "`"+l.GetName()+"`")
				}
			}
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |", name, strings.Join(listed, ", "), f.GetHelp()))
	}
	return rows, names
}

// TestDocumented: the page of the docs has all metrics and no others.
func TestDocumented(t *testing.T) {
	rows, _ := described(t)
	golden.WrittenBy("../../docs/status.md", "metrics", "UPDATE_GOLDEN=1 go test ./internal/metrics").
		Hold(t, "\n| metric | labels | what |\n|---|---|---|\n"+strings.Join(rows, "\n")+"\n\n", golden.Update())
}

// TestDashboard: it asks for metrics that there are.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile(dashboard)
	require.NoError(t, err)
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(data, &d))
	require.Greater(t, len(d.Panels), 8)
	_, names := described(t)
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, p := range d.Panels {
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			found := regexp.MustCompile(`coapgw_[a-z_]+`).FindAllString(target.Expr, -1)
			require.NotEmpty(t, found, p.Title)
			for _, name := range found {
				assert.True(t, names[name] || names[suffix.ReplaceAllString(name, "")], "%s: %s", p.Title, name)
			}
		}
	}
}
