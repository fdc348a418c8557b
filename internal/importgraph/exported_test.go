package importgraph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// syntax is the files of a package, without tests.
func (p listed) syntax(t *testing.T, files *token.FileSet) (all []*ast.File) {
	t.Helper()
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		all = append(all, f)
	}
	return all
}

// undocumented returns the exported names of a file that no comment is about. A comment on
// a group of values or of fields that follow each other is about all of them.
func undocumented(files *token.FileSet, f *ast.File) (names []string) {
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					if d.Doc == nil && s.Doc == nil && s.Comment == nil {
						names = append(names, exported(s.Names)...)
					}
				case *ast.TypeSpec:
					if !s.Name.IsExported() {
						continue
					}
					if d.Doc == nil && s.Doc == nil {
						names = append(names, s.Name.Name)
					}
					for _, member := range undocumentedMembers(files, s.Type) {
						names = append(names, s.Name.Name+"."+member)
					}
				}
			}
		}
	}
	return names
}

// undocumentedMembers are fields of a struct and methods of an interface.
func undocumentedMembers(files *token.FileSet, e ast.Expr) (names []string) {
	var members *ast.FieldList
	switch e := e.(type) {
	case *ast.StructType:
		members = e.Fields
	case *ast.InterfaceType:
		members = e.Methods
	default:
		return nil
	}
	documented, end := false, 0
	for _, m := range members.List {
		follows := files.Position(m.Pos()).Line == end+1
		documented = m.Doc != nil || m.Comment != nil || documented && follows
		end = files.Position(m.End()).Line
		if !documented {
			names = append(names, exported(m.Names)...)
		}
	}
	return names
}

// exported are those of names that are.
func exported(names []*ast.Ident) (all []string) {
	for _, n := range names {
		if n.IsExported() {
			all = append(all, n.Name)
		}
	}
	return all
}

// receiver is the name of the type of a method.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// TestExportedNamesAreDocumented: what other programs may name says what it is, and each
// package what it is for.
func TestExportedNamesAreDocumented(t *testing.T) {
	g := load(t)
	for _, p := range g.own() {
		files := token.NewFileSet()
		all := p.syntax(t, files)
		assert.True(t, len(all) == 0 || slices.ContainsFunc(all, func(f *ast.File) bool { return f.Doc != nil }), "%s does not say what it is for", p.ImportPath)
		if !matches(strings.TrimPrefix(p.ImportPath, module+"/"), append([]string{"mobile"}, library...)) || strings.Contains(p.ImportPath, "/internal/") {
			continue
		}
		for _, f := range all {
			assert.Empty(t, undocumented(files, f), p.ImportPath)
		}
	}
}

func TestUndocumentedFinds(t *testing.T) {
	source := `package x

const A, b = 1, 2

// Documented are some.
const (
	C = iota
	D
)

type T struct {
	F int

	// G and H are documented.
	G int
	H int

	I, j int
	K int // is documented
}

// I is documented.
type I interface{ M(); m() }

func F() {}
func (T) M() {}
func (*G[P]) M() {}
func (t) M() {}
`
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, "x.go", source, parser.ParseComments)
	require.NoError(t, err)
	assert.Equal(t, []string{"A", "T", "T.F", "T.I", "I.M", "F", "M", "M"}, undocumented(files, f))
}
