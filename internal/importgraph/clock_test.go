package importgraph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clockNames are what package time has beside arithmetic.
var clockNames = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Timer", "Ticker",
}

// clockUses returns where a file names something of clockNames, "." where it
// imports time without a name.
func clockUses(f *ast.File) []string {
	local := ""
	for _, i := range f.Imports {
		if path, err := strconv.Unquote(i.Path.Value); err != nil || path != "time" {
			continue
		}
		local = "time"
		if i.Name != nil {
			local = i.Name.Name
		}
	}
	switch local {
	case "":
		return nil
	case ".":
		return []string{"."}
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == local && slices.Contains(clockNames, s.Sel.Name) {
				found = append(found, s.Sel.Name)
			}
		}
		return true
	})
	return found
}

func TestBytesOnlyPackagesReadNoClock(t *testing.T) {
	g := load(t)
	for _, p := range g.own(bytesOnly...) {
		for _, name := range p.GoFiles {
			path := filepath.Join(p.Dir, name)
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			assert.Empty(t, clockUses(f), path)
		}
	}
}

func TestClockUses(t *testing.T) {
	tests := []struct {
		source string
		want   []string
	}{
		{`import "time"; var d time.Duration = 3 * time.Second`, nil},
		{`import "time"; var now = time.Now`, []string{"Now"}},
		{`import clock "time"; func f() { clock.Sleep(1); <-clock.After(2) }`, []string{"Sleep", "After"}},
		{`import . "time"`, []string{"."}},
		{`var time struct{ Now int }; var x = time.Now`, nil},
	}
	for _, tt := range tests {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+tt.source, 0)
		require.NoError(t, err)
		assert.Equal(t, tt.want, clockUses(f), tt.source)
	}
}
