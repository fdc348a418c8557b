package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coapgw/coapgw/coap"
)

// DefaultPaths are the trees of a homeserver that peers may reach where nothing else is
// said: what Matrix clients use. Federation, administration and the homeserver's own pages
// are not among them; with "/_synapse/client" added its password reset works.
func DefaultPaths() []string {
	return []string{"/_matrix/client", "/_matrix/media", "/.well-known/matrix"}
}

// pathTrees are the trees of paths that pass, each as its segments.
type pathTrees [][]string

// newPathTrees reads prefixes that begin with "/"; "/" is everything, as it comes.
func newPathTrees(prefixes []string) pathTrees {
	var trees pathTrees
	for _, p := range prefixes {
		trees = append(trees, slices.DeleteFunc(strings.Split(p, "/"), func(s string) bool { return s == "" }))
	}
	return trees
}

// maxDecodings bounds how often a path may have been percent-encoded: more is no
// identifier of Matrix.
const maxDecodings = 4

// pass reports whether a request with this URL stays in one of the trees, however the
// homeserver reads its path: as it is, decoded once or several times, with dot segments
// resolved (RFC 3986 §5.2.4), with empty segments left out, with "\" for "/", and with
// the parameters of segments (";") or what looks like a query or a fragment cut off. It is what all of them have in common that
// counts: the path begins with the tree, literally, and never leaves it on its way.
func (t pathTrees) pass(u *url.URL) bool {
	if u.Opaque != "" {
		return false
	}
	escaped := coap.WrittenPath(u)
	return slices.ContainsFunc(t, func(tree []string) bool {
		return len(tree) == 0 || begins(escaped, tree) && stays(escaped, tree)
	})
}

// begins reports whether an escaped path begins with the segments of a tree.
func begins(escaped string, tree []string) bool {
	segments := strings.Split(escaped, "/")
	return len(segments) > len(tree) && segments[0] == "" && slices.Equal(segments[1:len(tree)+1], tree)
}

// stays reports whether no reading of an escaped path leaves the tree in which it begins. It
// counts how many segments there are at least above the tree, in whatever order readers decode,
// split and resolve: "/" alone divides segments for all of them, what lies between counts as one
// name at most, and takes away as many as any reading of it does.
func stays(escaped string, tree []string) bool {
	above := 0
	for _, segment := range strings.Split(escaped, "/")[len(tree)+1:] {
		name, back, ok := readings(segment)
		if !ok {
			return false
		}
		switch {
		case back > above:
			return false
		case back > 0:
			above -= back
		case name:
			above++
		}
	}
	return true
}

// readings are what readers may take a segment of an escaped path for: name says that for all of
// them it is a name at least, and back how many segments it goes back for one of them. It is
// not ok if it has been encoded too often, or holds what readers take for the end of a string or
// for another character.
func readings(segment string) (name bool, back int, ok bool) {
	name = true
	for range maxDecodings {
		// 0xC0 and 0xC1 begin overlong forms of ASCII (RFC 3629 §3), as of "." and "/".
		if strings.IndexByte(segment, 0) >= 0 || strings.IndexByte(segment, 0xc0) >= 0 || strings.IndexByte(segment, 0xc1) >= 0 {
			return false, 0, false
		}
		slashes, n := parts(segment, "/")
		both, m := parts(segment, `/\`)
		name, back = name && slashes && both, max(back, n, m)
		decoded := decodeLoosely(segment)
		if decoded == segment {
			return name, back, true
		}
		segment = decoded
	}
	return false, 0, false
}

// parts divides a segment where it holds separators after all, and reports whether there is a
// name among its parts, and how many go back.
func parts(segment, separators string) (name bool, back int) {
	for part := range strings.FieldsFuncSeq(segment, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if end := strings.IndexAny(part, ";?#"); end >= 0 {
			part = part[:end]
		}
		switch part {
		case "", ".":
		case "..":
			back++
		default:
			name = true
		}
	}
	return name, back
}

// decodeLoosely undoes percent-encoding where there is any, and leaves alone what is not.
func decodeLoosely(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := url.PathUnescape(s[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// errNotPassed answers a request that is for none of the trees, as homeservers answer what
// they do not know.
func errNotPassed() *coap.Error {
	return &coap.Error{Status: http.StatusNotFound, ErrCode: "M_UNRECOGNIZED", Message: "this gateway does not pass on requests for this path"}
}
