package paths

import "strings"

// Row is one entry of a path table.
type Row struct {
	// Enum is the first Uri-Path segment that stands for the path.
	Enum string
	// Template is the path, its parameters in braces, as in
	// "/_matrix/client/r0/profile/{userId}".
	Template string
}

// Table maps paths to enums and back. It is immutable and safe for concurrent
// use.
type Table struct {
	rows []Row
	root node
	// enums holds the row of each enum character.
	enums [128]*template
}

// template is a row prepared for Expand.
type template struct {
	enum string
	// parts are the segments; a parameter is marked, its text is not used.
	parts []part
	// params is the number of parameters, size the length of the template.
	params, size int
}

type part struct {
	literal string
	param   bool
}

// node is one level of the segment trie. A literal child wins over the parameter
// child; version 1 has no level with both.
type node struct {
	literals map[string]*node
	param    *node
	// row is set where a path of the table ends.
	row *template
}

// V1 returns the table of version 1 (MSC3079, appendix B).
func V1() *Table { return v1 }

// Rows returns a copy of the rows in the order of the specification.
func (t *Table) Rows() []Row { return append([]Row(nil), t.rows...) }

// newTable builds the trie. Enums are single ASCII characters and a template
// begins with a literal segment, which lets Shorten work in place.
func newTable(rows []Row) *Table {
	t := &Table{rows: rows}
	for _, r := range rows {
		tmpl := &template{enum: r.Enum, size: len(r.Template)}
		at := &t.root
		for s := range strings.SplitSeq(r.Template[1:], "/") {
			p := part{literal: s, param: strings.HasPrefix(s, "{")}
			if p.param {
				tmpl.params++
			}
			tmpl.parts = append(tmpl.parts, p)
			at = at.add(p)
		}
		at.row = tmpl
		t.enums[r.Enum[0]] = tmpl
	}
	return t
}

// add returns the child of n for p, made if missing.
func (n *node) add(p part) *node {
	if p.param {
		if n.param == nil {
			n.param = new(node)
		}
		return n.param
	}
	if n.literals == nil {
		n.literals = make(map[string]*node)
	}
	c := n.literals[p.literal]
	if c == nil {
		c = new(node)
		n.literals[p.literal] = c
	}
	return c
}

// next returns the child that segment s leads to, or nil.
func (n *node) next(s string) *node {
	if c := n.literals[s]; c != nil {
		return c
	}
	return n.param
}

// lookup returns the template that an enum stands for, or nil.
func (t *Table) lookup(enum string) *template {
	if len(enum) != 1 || enum[0] >= byte(len(t.enums)) {
		return nil
	}
	return t.enums[enum[0]]
}
