package importgraph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// begun returns the functions of a file that have something run beside them: those with a go
// statement, or that call a method Go or Parallel.
func begun(f *ast.File) (names []string) {
	for _, d := range f.Decls {
		found := false
		ast.Inspect(d, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				found = true
			case *ast.CallExpr:
				s, ok := n.Fun.(*ast.SelectorExpr)
				found = found || ok && (s.Sel.Name == "Go" || s.Sel.Name == "Parallel" || s.Sel.Name == "RunParallel")
			}
			return true
		})
		if !found {
			continue
		}
		name := "a variable"
		if f, ok := d.(*ast.FuncDecl); ok {
			name = f.Name.Name
		}
		names = append(names, name)
	}
	return names
}

// TestPlain: the packages that make unit tests without the race detector (PLAIN) run nothing
// beside anything else, but in TestConcurrent, which it runs with it for those that it names.
func TestPlain(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	plain := regexp.MustCompile(`(?m)^PLAIN := (.*)\$\$$`).FindSubmatch(makefile)
	require.NotNil(t, plain)
	tested := regexp.MustCompile(`(?m)^\t\$\(GO\) test -race -run TestConcurrent (.*)$`).FindSubmatch(makefile)
	require.NotNil(t, tested)
	is := regexp.MustCompile(string(plain[1]) + "$")
	packages, concurrent := 0, []string{}
	for _, p := range load(t).own() {
		if !is.MatchString(p.ImportPath) {
			continue
		}
		packages++
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		require.NoError(t, err)
		for _, path := range files {
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, name := range begun(f) {
				assert.Equal(t, "TestConcurrent", name, "%s: the race detector does not see it (Makefile, PLAIN)", path)
				concurrent = append(concurrent, "."+p.ImportPath[len(module):])
			}
		}
	}
	assert.Greater(t, packages, 10)
	assert.ElementsMatch(t, regexp.MustCompile(` +`).Split(string(tested[1]), -1), concurrent)
}

func TestBegun(t *testing.T) {
	for source, want := range map[string][]string{
		`func f() { go g() }`:                                {"f"},
		`func TestX(t *testing.T) { t.Parallel() }`:          {"TestX"},
		`func f() { var all sync.WaitGroup; all.Go(g) }`:     {"f"},
		`func (t T) f() { func() { go func() {}() }() }`:     {"f"},
		`var x = func() { go g() }`:                          {"a variable"},
		`func f() { g(); all.Wait() }; func Go() { f() }`:    nil,
		`func BenchmarkX(b *testing.B) { b.RunParallel(f) }`: {"BenchmarkX"},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x; "+source, 0)
		require.NoError(t, err)
		assert.Equal(t, want, begun(f), source)
	}
}
