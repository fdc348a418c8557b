// Package unsupported exports things that gobind leaves out, next to some that it carries.
package unsupported

// Kept and the rest of this group are carried.
const Kept = "kept"

// Thing is carried.
type Thing struct {
	Name string
	Tags map[string]string // left out
}

// Fine is carried.
func (t *Thing) Fine(name string) error { return nil }

// Many is left out: gobind knows no variadic parameters of that kind.
func (t *Thing) Many(names ...string) {}

// Listener is carried.
type Listener interface {
	// Heard is carried.
	Heard(text string)
	// Heards is left out.
	Heards(texts []string)
}

// Open is carried.
func Open(name string) (*Thing, error) { return nil, nil }

// Count is left out.
func Count(n uint64) {}

// List is left out.
type List []string

// Limit is left out.
const Limit uint64 = 1 << 63

// Default is a variable, which an app must not set.
var Default = 1
