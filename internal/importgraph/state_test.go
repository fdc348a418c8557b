package importgraph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stateful are the variables of packages that change while a program runs, or look as if
// they did, each with why.
var stateful = map[string]string{
	"clib.handles":             "functions of C have nothing else to find a client by",
	"cborcodec/dialect.routes": "a table with a method, which has a pointer because it is large",
}

// changed returns the variables of a package that its functions change: those that are
// assigned to, as a whole or in part, or of which a method is called that may change them.
// What init does is part of the declaration.
func changed(pkg *types.Package, info *types.Info, files []*ast.File) (names []string) {
	// root is the variable of the package that an expression is a part of, as long as no
	// pointer leads out of it.
	var root func(e ast.Expr) *types.Var
	root = func(e ast.Expr) *types.Var {
		switch e := e.(type) {
		case *ast.Ident:
			if v, ok := info.Uses[e].(*types.Var); ok && v.Parent() == pkg.Scope() {
				return v
			}
		case *ast.ParenExpr:
			return root(e.X)
		case *ast.IndexExpr:
			return root(e.X)
		case *ast.SelectorExpr:
			return root(e.X)
		case *ast.StarExpr:
			return root(e.X)
		}
		return nil
	}
	note := func(e ast.Expr) {
		if v := root(e); v != nil && !slices.Contains(names, v.Name()) {
			names = append(names, v.Name())
		}
	}
	for _, f := range files {
		for _, decl := range f.Decls {
			d, ok := decl.(*ast.FuncDecl)
			if !ok || d.Body == nil || d.Recv == nil && d.Name.Name == "init" {
				continue
			}
			ast.Inspect(d.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					for _, e := range n.Lhs {
						note(e)
					}
				case *ast.IncDecStmt:
					note(n.X)
				case *ast.RangeStmt:
					note(n.Key)
					note(n.Value)
				case *ast.CallExpr:
					switch f := n.Fun.(type) {
					case *ast.Ident:
						if b, ok := info.Uses[f].(*types.Builtin); ok && (b.Name() == "delete" || b.Name() == "clear") {
							note(n.Args[0])
						}
					case *ast.SelectorExpr:
						s, ok := info.Selections[f]
						if !ok || s.Kind() != types.MethodVal {
							break
						}
						_, byPointer := s.Obj().Type().(*types.Signature).Recv().Type().(*types.Pointer)
						_, isPointer := s.Recv().(*types.Pointer)
						_, isRow := f.X.(*ast.IndexExpr) // which are large, so that their methods have pointers
						if byPointer && !isPointer && !isRow {
							note(f.X)
						}
					}
				}
				return true
			})
		}
	}
	return names
}

// TestNoState: what a package knows beside its arguments are errors, tables and embedded
// data, and none of it changes.
func TestNoState(t *testing.T) {
	g := load(t)
	left := map[string]bool{}
	for _, p := range g.own() {
		rel := strings.TrimPrefix(p.ImportPath, module+"/")
		if matches(rel, []string{"conformance"}) || len(p.GoFiles) == 0 {
			continue
		}
		files := token.NewFileSet()
		all := p.syntax(t, files)
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
		checker := types.Config{Importer: g.importer(), FakeImportC: true, Error: func(error) {}}
		pkg, _ := checker.Check(p.ImportPath, files, all, info) // files in C are missing
		for _, name := range changed(pkg, info, all) {
			name = rel + "." + name
			left[name] = true
			assert.Contains(t, stateful, name)
		}
	}
	for name := range stateful {
		assert.True(t, left[name], "%s does not change any more", name)
	}
}

func TestChangedFinds(t *testing.T) {
	source := `package x

import "sync"

var a, b, c, d, f, g, table, fine int
var list = []int{1}
var m = map[int]int{}
var mu sync.Mutex
var s struct{ n int }
var pointer = new(sync.Mutex)

func init() { table = 1 }

func F() {
	a = 1
	b, fine := 2, 3
	c++
	list[0] = fine
	delete(m, 1)
	mu.Lock()
	pointer.Lock()
	s.n += b
	for d = range 3 {
	}
	func() { f-- }()
	_ = g + table
}
`
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "x.go", source, 0)
	require.NoError(t, err)
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	checker := types.Config{Importer: load(t).importer()}
	pkg, err := checker.Check("x", files, []*ast.File{f}, info)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "c", "list", "m", "mu", "s", "d", "f"}, changed(pkg, info, []*ast.File{f}))
}
