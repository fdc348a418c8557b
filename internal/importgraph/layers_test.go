package importgraph

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// layers reads the table of folders in README: those of each row, from the top down.
func layers(t *testing.T) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n## Where things are\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| ([`a-z].*?) \\|").FindAllStringSubmatch(section, -1) {
		var folders []string
		for _, f := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			folders = append(folders, f[1])
		}
		if len(folders) > 0 {
			rows = append(rows, folders)
		}
	}
	return rows
}

// layerOf is the row of the folder that a package lies in, the innermost one that is named;
// -1 for none.
func layerOf(rows [][]string, path string) (row int) {
	row, named := -1, ""
	for i, folders := range rows {
		for _, f := range folders {
			if matches(path, []string{f}) && len(f) > len(named) {
				row, named = i, f
			}
		}
	}
	return row
}

// TestLayers: each package imports only what README has above it, or in the same row.
func TestLayers(t *testing.T) {
	g, rows := load(t), layers(t)
	require.Greater(t, len(rows), 8)
	for _, folders := range rows {
		for _, f := range folders {
			require.NotEmpty(t, g.own(f), "README names a folder without packages")
		}
	}
	for _, p := range g.own() {
		own := layerOf(rows, p.ImportPath[len(module)+1:])
		assert.GreaterOrEqual(t, own, 0, "README does not say where %s is", p.ImportPath)
		for _, i := range p.Imports {
			if rel, ok := strings.CutPrefix(i, module+"/"); ok {
				assert.LessOrEqual(t, layerOf(rows, rel), own, "%s imports %s, which README has below it", p.ImportPath, i)
			}
		}
	}
}

func TestLayerOf(t *testing.T) {
	rows := [][]string{{"coap/link", "coap/paths"}, {"coap"}, {"dtls"}}
	for path, want := range map[string]int{"coap/paths": 0, "coap/link/x": 0, "coap": 1, "coap/linked": 1, "dtls/dialer": 2, "x": -1} {
		assert.Equal(t, want, layerOf(rows, path), path)
	}
}
