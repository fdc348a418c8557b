package importgraph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// api collects the third-party types that the exported API of a package names.
type api struct {
	pkg     *types.Package
	foreign func(path string) bool
	seen    map[types.Type]bool
	found   []string
}

// thirdParty returns the types of third parties in the exported API of pkg:
// functions, variables, constants, types with their exported fields and methods.
func thirdParty(pkg *types.Package, foreign func(path string) bool) []string {
	a := &api{pkg: pkg, foreign: foreign, seen: map[types.Type]bool{}}
	scope := pkg.Scope()
	for _, name := range scope.Names() {
		obj := scope.Lookup(name)
		if !obj.Exported() {
			continue
		}
		if alias, ok := obj.Type().(*types.Alias); ok {
			a.visit(alias.Rhs(), name)
			continue
		}
		a.visit(obj.Type(), name)
	}
	return a.found
}

// visit walks t, which is reached by way of where. A type of another package of
// ours, or an exported one of this package, is looked at on its own.
func (a *api) visit(t types.Type, where string) {
	if a.seen[t] {
		return
	}
	a.seen[t] = true
	switch t := t.(type) {
	case *types.Alias:
		a.name(t.Obj(), where)
		a.visit(t.Rhs(), where)
	case *types.Named:
		a.name(t.Obj(), where)
		for arg := range t.TypeArgs().Types() {
			a.visit(arg, where)
		}
		if t.Obj().Pkg() != a.pkg {
			return
		}
		for m := range t.Methods() {
			if m.Exported() {
				a.visit(m.Type(), where+"."+m.Name())
			}
		}
		a.visit(t.Underlying(), where)
	case *types.TypeParam:
		a.visit(t.Constraint(), where)
	case *types.Pointer:
		a.visit(t.Elem(), where)
	case *types.Slice:
		a.visit(t.Elem(), where)
	case *types.Array:
		a.visit(t.Elem(), where)
	case *types.Chan:
		a.visit(t.Elem(), where)
	case *types.Map:
		a.visit(t.Key(), where)
		a.visit(t.Elem(), where)
	case *types.Signature:
		for p := range t.TypeParams().TypeParams() {
			a.visit(p, where)
		}
		a.visit(t.Params(), where)
		a.visit(t.Results(), where)
	case *types.Tuple:
		for v := range t.Variables() {
			a.visit(v.Type(), where)
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() || f.Embedded() {
				a.visit(f.Type(), where+"."+f.Name())
			}
		}
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			a.visit(m.Type(), where+"."+m.Name())
		}
		for e := range t.EmbeddedTypes() {
			a.visit(e, where)
		}
	case *types.Union:
		for term := range t.Terms() {
			a.visit(term.Type(), where)
		}
	}
}

func (a *api) name(obj *types.TypeName, where string) {
	if obj.Pkg() != nil && a.foreign(obj.Pkg().Path()) {
		a.found = append(a.found, where+": "+obj.Pkg().Path()+"."+obj.Name())
	}
}

// foreign reports whether a package is neither ours nor of the standard library.
func (g graph) foreign(path string) bool {
	return path != module && !strings.HasPrefix(path, module+"/") && !g[path].Standard
}

func TestNoThirdPartyInSignatures(t *testing.T) {
	g := load(t)
	imports := g.importer()
	for _, p := range g.own() {
		if p.Name == "main" || p.DepOnly || len(p.GoFiles) == 0 {
			continue
		}
		pkg, err := imports.Import(p.ImportPath)
		require.NoError(t, err)
		assert.Empty(t, thirdParty(pkg, g.foreign), p.ImportPath)
	}
}

func TestThirdPartyFinds(t *testing.T) {
	source := `package x
import "net"
var V net.Conn
var hidden net.Conn
type T struct { F func(net.Addr); hidden net.Conn }
func (T) M() map[string]*net.UDPAddr { return nil }
func (T) m() net.IP { return nil }
type E struct { inner }
type inner struct { net.IPNet }
type A = net.IP
type I interface { M(...net.IPMask); error }
func G[P net.Listener]() {}
func Fine(string) error { return nil }
`
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "x.go", source, 0)
	require.NoError(t, err)
	checker := types.Config{Importer: load(t).importer()}
	pkg, err := checker.Check("x", files, []*ast.File{f}, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{
		"A: net.IP",
		"E.inner.IPNet: net.IPNet",
		"G: net.Listener",
		"I.M: net.IPMask",
		"T.M: net.UDPAddr",
		"T.F: net.Addr",
		"V: net.Conn",
	}, thirdParty(pkg, func(path string) bool { return path == "net" }))
}
