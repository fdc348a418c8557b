package golden

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// failing is a test of which only its end counts.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }
func (f *failing) FailNow()              { f.failed = true; panic(f) }

// fails reports whether f fails its test.
func fails(t *testing.T, f func(testing.TB)) bool {
	inner := &failing{TB: t}
	func() {
		defer func() {
			if cause := recover(); cause != nil && cause != any(inner) {
				panic(cause)
			}
		}()
		f(inner)
	}()
	return inner.failed
}

func file(t *testing.T, text string) string {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

func TestPart(t *testing.T) {
	name := file(t, "Before.\n<!-- cost: written by make cost -->\nold\n<!-- /cost -->\nAfter.\n")
	p := WrittenBy(name, "cost", "make cost")
	assert.Equal(t, "old\n", p.Read(t))
	p.Hold(t, "old\n", false)
	assert.True(t, fails(t, func(t testing.TB) { p.Hold(t, "new\n", false) }))
	p.Hold(t, "new\n", true)
	p.Hold(t, "new\n", false)
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, "Before.\n<!-- cost: written by make cost -->\nnew\n<!-- /cost -->\nAfter.\n", string(b))
	assert.True(t, fails(t, func(t testing.TB) { Of(name, "cost").Read(t) }))
	twice := WrittenBy(file(t, string(b)+string(b)), "cost", "make cost")
	assert.True(t, fails(t, func(t testing.TB) { twice.Read(t) }))
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new")
	assert.True(t, fails(t, func(t testing.TB) { File(t, name, "a", false) }))
	File(t, name, "a", true)
	File(t, name, "a", false)
	assert.True(t, fails(t, func(t testing.TB) { File(t, name, "b", false) }))
}

// number is a row of a table.
type number struct{ row string }

func (n number) String() string { return n.row }

func TestTable(t *testing.T) {
	table := Table{File: file(t, ""), Comment: "What it is,\nin two lines.\n", Columns: "name\tvalue"}
	Write(t, table, []number{{"a b\t1"}, {"c\t2"}})
	b, err := os.ReadFile(table.File)
	require.NoError(t, err)
	assert.Equal(t, "# What it is,\n# in two lines.\nname\tvalue\na b\t1\nc\t2\n", string(b))
	assert.Equal(t, [][]string{{"a b", "1"}, {"c", "2"}}, table.Rows(t))
	var n int
	Scan(t, []string{"2"}, &n)
	assert.Equal(t, 2, n)
	assert.True(t, fails(t, func(t testing.TB) { Scan(t, []string{"x"}, &n) }))
	for _, wrong := range []string{"", "# only a comment\n", "name\nx\n", "name\tvalue\nx\n"} {
		table := Table{File: file(t, wrong), Columns: table.Columns}
		assert.True(t, fails(t, func(t testing.TB) { table.Rows(t) }), wrong)
	}
}
