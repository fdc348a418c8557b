package fakehs

import (
	"net/http"
	"net/url"
	"strings"
)

// handler answers one request. It runs with Server.mu held; what it returns is encoded after mu was given up, so it must
// not share anything that changes later.
type handler func(*Server, *request) (any, error)

// route is one row of the API.
type route struct {
	method string
	bases  []string
	path   string // segments; "*" stands for a parameter
	handle handler
	open   bool // needs no access token
	upload bool // the body is media: not JSON, and larger
}

// node is one segment of the trie of routes. A parameter segment is the child "*".
type node struct {
	children map[string]*node
	routes   map[string]*route // by method
}

func buildRoutes() *node {
	root := &node{}
	for _, r := range append(openRoutes(), routes()...) {
		for _, base := range r.bases {
			n := root
			for _, segment := range strings.Split(base+"/"+r.path, "/") {
				n = n.child(segment)
			}
			if n.routes == nil {
				n.routes = map[string]*route{}
			}
			n.routes[r.method] = &r
		}
	}
	return root
}

func (n *node) child(segment string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	c := n.children[segment]
	if c == nil {
		c = &node{}
		n.children[segment] = c
	}
	return c
}

// match finds the route for an escaped path. It splits before it unescapes, so that "%2F" stays inside its segment, and
// keeps empty segments, so that "state/m.room.name/" has the state key "".
func (n *node) match(method, escapedPath string) (*route, []string, error) {
	var args []string
	for _, segment := range strings.Split(strings.TrimPrefix(escapedPath, "/"), "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return nil, nil, unrecognized(http.StatusNotFound)
		}
		next := n.children[plain]
		if next == nil || plain == "*" {
			next = n.children["*"]
			args = append(args, plain)
		}
		if next == nil {
			return nil, nil, unrecognized(http.StatusNotFound)
		}
		n = next
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if n.routes == nil {
		return nil, nil, unrecognized(http.StatusNotFound)
	}
	if r := n.routes[method]; r != nil {
		return r, args, nil
	}
	return nil, nil, unrecognized(http.StatusMethodNotAllowed)
}

func unrecognized(status int) error {
	return fail(status, "M_UNRECOGNIZED", "unrecognized request")
}
