package vectors

import (
	"encoding/json"
	"os"
	"strings"
)

const someRoom = "/_matrix/client/v3/rooms/!r:example.org"

// pathFile is paths and queries both ways.
func pathFile() *file {
	f := &file{name: "paths.json", Kind: "path", About: "request targets and the options Uri-Path (11), Uri-Query (15) and Form (262) (docs/wire-v1.md, \"Path and query\")"}
	add := func(v *pathVector) { f.rows = append(f.rows, v) }
	for _, row := range pathTable() {
		target := exampleOf(row[1])
		add(&pathVector{Name: "row " + row[0], Why: "A row of the table.", Target: target})
		if v3 := strings.Replace(target, "/r0/", "/v3/", 1); v3 != target {
			add(&pathVector{Name: "row " + row[0] + ", v3", Why: "Its v3 twin.", Target: v3})
		}
	}
	for _, r := range targets {
		add(&pathVector{Name: r.name, Why: r.why, Target: r.target, Error: r.problem})
	}
	for _, r := range foreignTargets {
		add(&pathVector{Name: "foreign: " + r.name, Why: r.why, Peer: "foreign", FoldV3: r.fold, Target: r.target, Error: r.problem})
	}
	for _, v := range hostilePaths {
		add(v)
	}
	return f
}

// pathTable is the table of MSC3079, appendix B, as it was copied from the proposal: enum
// and template, in order.
func pathTable() (rows [][2]string) {
	var table struct {
		Paths map[string]string `json:"paths"`
	}
	data, err := os.ReadFile("../../coap/paths/testdata/msc3079-v1-paths.json")
	if err == nil {
		err = json.Unmarshal(data, &table)
	}
	if err != nil {
		panic(err)
	}
	for _, enum := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		if template, ok := table.Paths[string(enum)]; ok {
			rows = append(rows, [2]string{string(enum), template})
		}
	}
	return rows
}

// exampleOf puts something into the braces of a template.
func exampleOf(template string) string {
	return strings.NewReplacer(
		"{userId}", "@alice:example.org", "{roomId}", "!r:example.org", "{filterId}", "63", "{eventType}", "m.room.message",
		"{stateKey}", "", "{txnId}", "m1", "{eventId}", "$e:example.org", "{roomAlias}", "%23room:example.org",
		"{roomIdOrAlias}", "!r:example.org", "{receiptType}", "m.read", "{deviceId}", "ABCDEF", "{tag}", "m.favourite", "{type}", "m.direct",
	).Replace(template)
}

type targetRow struct {
	name, target, why, problem string
	fold                       bool
}

var targets = []targetRow{
	{name: "root", target: "/", why: "No segment at all."},
	{name: "two slashes", target: "//", why: "Two empty segments are two empty options."},
	{name: "empty segments", target: "/x//y/", why: "Each is an option."},
	{name: "empty segment before an enum", target: "//0", why: "Only the first segment can be an enum."},
	{name: "no row", target: "/_matrix/media/v3/config", why: "Paths that no row has go in full."},
	{name: "client v1", target: "/_matrix/client/v1/rooms/!r:x/relations/$e", why: "Only v3 is a twin of r0."},
	{name: "versions of v3", target: "/_matrix/client/v3/versions", why: "Row 0 has no version, and so no twin."},
	{name: "begin of a row", target: "/_matrix/client/r0/user", why: "A row is a whole path."},
	{name: "more than a row", target: "/_matrix/client/r0/sync/x", why: "A row is a whole path."},
	{name: "trailing slash beside the row", target: "/_matrix/client/r0/sync/", why: "Another path than without."},
	{name: "trailing slash in the row", target: "/_matrix/client/v3/pushrules/", why: "Row n has it."},
	{name: "without the slash of the row", target: "/_matrix/client/r0/pushrules", why: "Another path than row n."},
	{name: "empty state key", target: someRoom + "/state/m.room.name/", why: "An empty parameter is an empty option."},
	{name: "no state key", target: someRoom + "/state/m.room.name", why: "Another path than with an empty one."},
	{name: "empty room", target: "/_matrix/client/v3/rooms//join", why: "An empty parameter in the middle."},
	{name: "literal as parameter", target: "/_matrix/client/r0/profile/displayname", why: "Row W, whose parameter may be anything."},
	{name: "%2F", target: "/_matrix/client/v3/join/%23a%2Fb:x", why: "A slash within a parameter: options are percent-decoded."},
	{name: "%252F", target: "/_matrix/client/v3/devices/%252F", why: "Decoded once, not twice."},
	{name: "%25", target: "/_matrix/client/v3/devices/100%25", why: "A percent sign."},
	{name: "%3F", target: "/x/a%3Fb", why: "A question mark that begins no query."},
	{name: "plus", target: "/x/a+b", why: "A plus in a path is a plus."},
	{name: "%2B", target: "/x/a%2Bb", why: "The style says that it was escaped."},
	{name: "%2B beside a colon", target: "/x/@a%2Bb:x", why: "Another style: yarl."},
	{name: "space", target: "/x/a%20b", why: "A space."},
	{name: "tilde", target: "/x/~a", why: "Unreserved: no style escapes it."},
	{name: "Unicode", target: "/_matrix/client/v3/profile/@M%C3%BCnchen:x", why: "UTF-8 in the option."},
	{name: "beyond the BMP", target: "/x/%F0%9F%98%80", why: "Four bytes of UTF-8."},
	{name: "NUL", target: "/x/%00", why: "It is a character."},
	{name: "encodeURIComponent", target: "/_matrix/client/v3/rooms/!r%3Aexample.org/join", why: "Style 1: matrix-js-sdk."},
	{name: "PathEscape", target: "/x/%21a%27:@", why: "Style 2: Go, mautrix."},
	{name: "quote", target: "/_matrix/client/v3/rooms/%21r%3Aexample.org/join", why: "Style 3: Python; all that is reserved is escaped."},
	{name: "EscapedPath", target: "/x/%21a,b;c", why: "Style 4: Go's URL.String."},
	{name: "brackets", target: "/x/[::1]%7B", why: "Style 5: WHATWG, ruma."},
	{name: "brackets without ^", target: "/x/[%5E]", why: "Style 6."},
	{name: "255 bytes", target: "/x/" + strings.Repeat("y", 255), why: "The longest option."},
	{name: "256 bytes", target: "/x/" + strings.Repeat("y", 256), why: "Too long for an option.", problem: "envelope"},
	{name: "dot", target: "/x/./y", why: "No legal Uri-Path (RFC 7252 §5.10.1).", problem: "envelope"},
	{name: "escaped dot", target: someRoom + "/state/t/%2E", why: "It is decoded to one, and a legal state key.", problem: "envelope"},
	{name: "dot-dot", target: "/x/..", why: "No legal Uri-Path.", problem: "envelope"},
	{name: "three dots", target: "/x/...", why: "A name like others."},
	{name: "not UTF-8", target: "/x/%C3", why: "Options are UTF-8.", problem: "envelope"},
	{name: "lower-case digits", target: "/x/%2f", why: "No style writes them.", problem: "envelope"},
	{name: "letter escaped", target: "/x/%61", why: "No style escapes a letter.", problem: "envelope"},
	{name: "two styles", target: "/x/%21/!", why: "No style escapes and does not.", problem: "envelope"},
	{name: "looks like an enum", target: "/0", why: "It would come out as /_matrix/client/versions.", problem: "envelope"},
	{name: "looks like an enum with parameters", target: "/W/@a:x", why: "The same.", problem: "envelope"},

	{name: "query", target: "/x?since=s1_2&timeout=0", why: "An option for each argument."},
	{name: "order and repetition", target: "/x?b=1&a=2&b=1", why: "As they stand."},
	{name: "empty arguments", target: "/x?&a=1&&b", why: "Empty options."},
	{name: "no value", target: "/x?a&a=", why: "With and without the equals sign."},
	{name: "equals sign in a value", target: "/x?a==b=", why: "Only the first one ends the key."},
	{name: "%3D in a value", target: "/x?filter=a%3Db", why: "Style 1 escapes it."},
	{name: "%26 in a value", target: "/x?filter=a%26b", why: "Every style escapes an ampersand."},
	{name: "plus in a query", target: "/x?q=a+b", why: "In style 0 a plus."},
	{name: "%2B in a query", target: "/x?q=a%2Bb", why: "Style 1: an escaped plus."},
	{name: "plus and %2B", target: "/x?q=a+b%2Bc", why: "Style 2, URLSearchParams: a plus is a space."},
	{name: "quote_plus", target: "/x?f=%7B%22a%22%3A+%2A~%7D", why: "Style 3."},
	{name: "quote in a query", target: "/x?f=%21%20%2A~", why: "Style 4."},
	{name: "fetch", target: "/x?f=it%27s!%3A", why: "Style 5."},
	{name: "yarl in a query", target: "/x?f=:+%2B", why: "Style 6."},
	{name: "typed by hand", target: "/x?f={%22a%22:[1]}", why: "Style 7."},
	{name: "both styles", target: "/_matrix/client/v3/rooms/!r%3Ax/messages?from=a%3Ab&dir=b", why: "Path and query have a style each."},
	{name: "bare question mark", target: "/x?", why: "No option says it.", problem: "envelope"},
	{name: "%3D in a key", target: "/x?a%3Db=c", why: "It would end the key.", problem: "envelope"},
	{name: "two styles in a query", target: "/x?a=%3A&b=:", why: "No style escapes and does not.", problem: "envelope"},
	{name: "argument of 256 bytes", target: "/x?a=" + strings.Repeat("y", 254), why: "Too long for an option.", problem: "envelope"},
	{name: "query not UTF-8", target: "/x?a=%FF", why: "Options are UTF-8.", problem: "envelope"},
	{name: "hash", target: "/x?a=%23b", why: "No fragment."},
}

var foreignTargets = []targetRow{
	{name: "row 7", target: "/_matrix/client/r0/sync?since=s1", why: "Enum, and no option 262."},
	{name: "v3", target: "/_matrix/client/v3/sync", why: "In full: the peer would take the enum for r0."},
	{name: "v3 folded", target: "/_matrix/client/v3/sync", why: "--fold-v3: the homeserver treats both alike.", fold: true},
	{name: "escaped", target: "/_matrix/client/r0/rooms/%21r%3Ax/join", why: "The peer restores RFC 7252 §6.5, not what was sent."},
	{name: "lower-case digits", target: "/x/%2f", why: "Escapes are not kept."},
	{name: "plus in a query", target: "/x?q=a+b%2Bc", why: "A query is read as a form: a plus is a space."},
	{name: "looks like an enum", target: "/0", why: "Nothing says that it is none.", problem: "refused"},
	{name: "dot", target: "/x/./y", why: "There is no envelope for a foreign peer.", problem: "refused"},
	{name: "bare question mark", target: "/x?", why: "It is lost: it asks for nothing."},
	{name: "256 bytes", target: "/x/" + strings.Repeat("y", 256), why: "Nothing carries it.", problem: "refused"},
}

// form is a value of option 262.
func form(v string) *string { return &v }

// hostilePaths are options that no Shorten makes.
var hostilePaths = []*pathVector{
	{Name: "options: no Form", Why: "Without it an enum is the r0 path.", URIPath: []string{"7"}},
	{Name: "options: empty Form", Why: "The commonest form is the empty value: v3, style 0.", URIPath: []string{"7"}, Form: form("")},
	{Name: "options: unknown form", Why: "The option is elective: a form of a later version is read as none.", URIPath: []string{"7"}, Form: form("ff")},
	{Name: "options: characters to escape", Why: "Whatever comes, a path comes out.", URIPath: []string{"a/b?c#d\r\n", "%2F"}, URIQuery: []string{"a&b#=c&d"}},
	{Name: "options: parameter missing", Why: "Row W has one.", URIPath: []string{"W"}, Error: "bad request"},
	{Name: "options: parameter too many", Why: "Row 7 has none.", URIPath: []string{"7", "x"}, Error: "bad request"},
	{Name: "options: path behind an enum", Why: "Row 7 has no parameters.", URIPath: []string{"7", "_matrix", "client"}, Error: "bad request"},
	{Name: "options: dot", Why: "No legal Uri-Path.", URIPath: []string{"x", "."}, Error: "bad request"},
	{Name: "options: dot-dot as parameter", Why: "It would leave the path.", URIPath: []string{"W", ".."}, Error: "bad request"},
	{Name: "options: not UTF-8", Why: "Uri-Path is UTF-8.", URIPath: []string{"W", "hex:ff"}, Error: "bad request"},
	{Name: "options: v3 of row 0", Why: "It has no twin.", URIPath: []string{"0"}, Form: form(""), Error: "bad request"},
	{Name: "options: v3 of a full path", Why: "Only an enum has a twin.", URIPath: []string{"_matrix"}, Form: form(""), Error: "bad request"},
}
