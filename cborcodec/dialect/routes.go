package dialect

import "strings"

// routeTable finds the row of a request.
type routeTable struct {
	rows []route
	root routeNode
}

// route is a row prepared for use.
type route struct {
	method string
	parts  []part // the segments of the path
}

type part struct {
	literal string
	param   bool
}

// routeNode is one level of the trie: the method first, then the segments.
type routeNode struct {
	literals map[string]*routeNode
	param    *routeNode
	// row is one more than the row that ends here.
	row int
}

var routes = newRouteTable(routeRows)

func newRouteTable(rows []string) routeTable {
	t := routeTable{}
	for n, row := range rows {
		method, path, _ := strings.Cut(row, " ")
		r := route{method: method}
		at := t.root.child(method)
		for segment := range strings.SplitSeq(path[1:], "/") {
			p := part{literal: segment, param: strings.HasPrefix(segment, "{")}
			r.parts = append(r.parts, p)
			if p.param {
				if at.param == nil {
					at.param = new(routeNode)
				}
				at = at.param
				continue
			}
			at = at.child(segment)
		}
		at.row = n + 1
		t.rows = append(t.rows, r)
	}
	return t
}

func (n *routeNode) child(segment string) *routeNode {
	if n.literals == nil {
		n.literals = map[string]*routeNode{}
	}
	c := n.literals[segment]
	if c == nil {
		c = new(routeNode)
		n.literals[segment] = c
	}
	return c
}

// match returns the row of a request. A literal segment goes before a parameter, but
// where it leads nowhere the parameter is tried.
func (t *routeTable) match(method string, segments []string) (row int, ok bool) {
	at := t.root.literals[method]
	if at == nil {
		return 0, false
	}
	row = at.find(segments)
	return row - 1, row > 0
}

func (n *routeNode) find(segments []string) (row int) {
	if len(segments) == 0 {
		return n.row
	}
	if c := n.literals[segments[0]]; c != nil {
		if row := c.find(segments[1:]); row > 0 {
			return row
		}
	}
	if n.param == nil {
		return 0
	}
	return n.param.find(segments[1:])
}
