package paths

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pathCase is a path and how it travels: with foldV3 set. No segments and not ok
// means refused.
type pathCase struct {
	name, path string
	segments   []string
	form       Form
	ok         bool
}

var pathCases = []pathCase{
	{"root", "/", nil, Form{}, true},
	{"two empty segments", "//", []string{"", ""}, Form{}, true},
	{"empty segments and trailing slash", "/x//y/", []string{"x", "", "y", ""}, Form{}, true},
	{"leading empty segment before an enum", "//0", []string{"", "0"}, Form{}, true},
	{"no row", "/_matrix/media/v3/config", []string{"_matrix", "media", "v3", "config"}, Form{}, true},
	{"v1 is not folded", "/_matrix/client/v1/sync", []string{"_matrix", "client", "v1", "sync"}, Form{}, true},
	{"row without version", "/_matrix/client/versions", []string{"0"}, Form{}, true},
	{"versions has no v3 twin", "/_matrix/client/v3/versions", []string{"_matrix", "client", "v3", "versions"}, Form{}, true},
	{"beginning of a row", "/_matrix/client/r0/user", []string{"_matrix", "client", "r0", "user"}, Form{}, true},
	{"more than a row", "/_matrix/client/r0/sync/x", []string{"_matrix", "client", "r0", "sync", "x"}, Form{}, true},
	{"r0", "/_matrix/client/r0/sync", []string{"7"}, Form{}, true},
	{"v3", "/_matrix/client/v3/sync", []string{"7"}, Form{V3: true}, true},
	{"trailing slash is no row", "/_matrix/client/r0/sync/", []string{"_matrix", "client", "r0", "sync", ""}, Form{}, true},
	{"trailing slash is the row", "/_matrix/client/r0/pushrules/", []string{"n"}, Form{}, true},
	{"its twin without slash goes in full", "/_matrix/client/r0/pushrules", []string{"_matrix", "client", "r0", "pushrules"}, Form{}, true},
	{"empty state key", "/_matrix/client/r0/rooms/!r:x/state/m.room.name/", []string{"8", "!r:x", "m.room.name", ""}, Form{}, true},
	{"no state key", "/_matrix/client/r0/rooms/!r:x/state/m.room.name", []string{"_matrix", "client", "r0", "rooms", "!r:x", "state", "m.room.name"}, Form{}, true},
	{"empty parameter in the middle", "/_matrix/client/v3/rooms//join", []string{"K", ""}, Form{V3: true}, true},
	{"literal taken as parameter", "/_matrix/client/r0/profile/displayname", []string{"W", "displayname"}, Form{}, true},

	{"%2F", "/_matrix/client/v3/join/%23a%2Fb:x", []string{"L", "#a/b:x"}, Form{V3: true}, true},
	{"%25", "/_matrix/client/v3/devices/100%25", []string{"e", "100%"}, Form{V3: true}, true},
	{"%2525", "/_matrix/client/v3/devices/%252F", []string{"e", "%2F"}, Form{V3: true}, true},
	{"%23", "/x/%23", []string{"x", "#"}, Form{}, true},
	{"%3F", "/x/a%3Fb", []string{"x", "a?b"}, Form{}, true},
	{"+", "/x/a+b", []string{"x", "a+b"}, Form{}, true},
	{"%2B", "/x/a%2Bb", []string{"x", "a+b"}, Form{Path: 1}, true},
	{"%2B beside :", "/x/@a%2Bb:x", []string{"x", "@a+b:x"}, Form{Path: 7}, true},
	{"space", "/x/a%20b", []string{"x", "a b"}, Form{}, true},
	{"non-ASCII", "/x/M%C3%BCnchen", []string{"x", "München"}, Form{}, true},
	{"beyond the BMP", "/x/%F0%9F%98%80", []string{"x", "😀"}, Form{}, true},
	{"NUL", "/x/%00", []string{"x", "\x00"}, Form{}, true},
	{"every style", "/x/%21%27", []string{"x", "!'"}, Form{Path: 2}, true},
	{"no character in the clear", "/x/%21%24%3A", []string{"x", "!$:"}, Form{Path: 3}, true},
	{"Go EscapedPath", "/x/%21a,b;c", []string{"x", "!a,b;c"}, Form{Path: 4}, true},
	{"brackets", "/x/[::1]|^", []string{"x", "[::1]|^"}, Form{Path: 5}, true},
	{"brackets, ^ escaped", "/x/[%5E]", []string{"x", "[^]"}, Form{Path: 6}, true},
	{"255 bytes", "/x/" + strings.Repeat("%C3%BC", 127) + "a", []string{"x", strings.Repeat("ü", 127) + "a"}, Form{}, true},
	{"three dots", "/...", []string{"..."}, Form{}, true},

	{"empty", "", nil, Form{}, false},
	{"asterisk form", "*", nil, Form{}, false},
	{"relative", "_matrix/client/versions", nil, Form{}, false},
	{"256 bytes", "/x/" + strings.Repeat("%C3%BC", 128), nil, Form{}, false},
	{"256 bytes in a parameter", "/_matrix/client/v3/devices/" + strings.Repeat("a", 256), nil, Form{}, false},
	{"dot", "/x/./y", nil, Form{}, false},
	{"dot dot", "/x/..", nil, Form{}, false},
	{"escaped dot", "/_matrix/client/r0/rooms/!r:x/state/t/%2E", nil, Form{}, false},
	{"dot as a state key", "/_matrix/client/r0/rooms/!r:x/state/t/.", nil, Form{}, false},
	{"invalid UTF-8", "/x/%C3", nil, Form{}, false},
	{"surrogate", "/x/%ED%A0%80", nil, Form{}, false},
	{"raw non-ASCII", "/x/ü", nil, Form{}, false},
	{"raw space", "/x/a b", nil, Form{}, false},
	{"query", "/x?y", nil, Form{}, false},
	{"fragment", "/x#y", nil, Form{}, false},
	{"lower-case digits", "/x/%2f", nil, Form{}, false},
	{"one lower-case digit", "/x/%2F%aF", nil, Form{}, false},
	{"incomplete escape", "/x/%2", nil, Form{}, false},
	{"escape across segments", "/x/%/20", nil, Form{}, false},
	{"no escape", "/x/%zz", nil, Form{}, false},
	{"unreserved escaped", "/x/%61", nil, Form{}, false},
	{"table literal escaped", "/_matrix/client/r0/s%79nc", nil, Form{}, false},
	{"mixed styles", "/x/%21/!", nil, Form{}, false},
	{"looks like an enum", "/0", nil, Form{}, false},
	{"looks like an enum with parameters", "/W/@a:x", nil, Form{}, false},
}

func TestShorten(t *testing.T) {
	for _, c := range pathCases {
		t.Run(c.name, func(t *testing.T) {
			segments, form, ok := V1().Shorten(c.path, true)
			require.Equal(t, c.ok, ok)
			assert.Equal(t, c.segments, segments)
			assert.Equal(t, c.form, form)
			if !ok {
				return
			}
			back, err := V1().Expand(segments, form)
			require.NoError(t, err)
			assert.Equal(t, c.path, back)
		})
	}
}

func TestExpandHostile(t *testing.T) {
	params := func(enum string, got, want int) error { return &ParamsError{Enum: enum, Got: got, Want: want} }
	for _, c := range []struct {
		name     string
		segments []string
		form     Form
		err      error
	}{
		{"parameter missing", []string{"W"}, Form{}, params("W", 0, 1)},
		{"parameter too many", []string{"7", "x"}, Form{}, params("7", 1, 0)},
		{"path after an enum", []string{"7", "_matrix", "client"}, Form{}, params("7", 2, 0)},
		{"dot", []string{"x", "."}, Form{}, ErrSegment},
		{"dot dot", []string{"..", "x"}, Form{}, ErrSegment},
		{"dot dot as parameter", []string{"W", ".."}, Form{}, ErrSegment},
		{"not UTF-8", []string{"W", "\xff"}, Form{}, ErrSegment},
		{"v3 of a row without version", []string{"0"}, Form{V3: true}, ErrForm},
		{"v3 of a full path", []string{"_matrix"}, Form{V3: true}, ErrForm},
		{"v3 of the root", nil, Form{V3: true}, ErrForm},
		{"unknown style", []string{"x"}, Form{Path: maxStyles}, ErrForm},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, err := V1().Expand(c.segments, c.form)
			assert.Equal(t, c.err, err)
			assert.Empty(t, path)
		})
	}
}

// TestExpandInjection shows that no segment can end its place in the path.
func TestExpandInjection(t *testing.T) {
	for style := range pathStyles {
		got, err := V1().Expand([]string{"W", "a/../b?c#d%2F\r\n"}, Form{Path: Style(style)})
		require.NoError(t, err)
		assert.Equal(t, "/_matrix/client/r0/profile/a%2F..%2Fb%3Fc%23d%252F%0D%0A", got, pathStyles[style].name)
	}
	got, err := V1().Expand([]string{""}, Form{})
	require.NoError(t, err)
	assert.Equal(t, "/", got, "RFC 7252 §6.5: one empty segment is the root as well")
	got, err = V1().Expand([]string{"?", "é"}, Form{})
	require.NoError(t, err)
	assert.Equal(t, "/%3F/%C3%A9", got, "one character that is no enum")
}

func TestParamsError(t *testing.T) {
	_, err := V1().Expand([]string{"W"}, Form{})
	var pe *ParamsError
	require.ErrorAs(t, err, &pe)
	assert.EqualError(t, err, "paths: enum W takes 1 parameters, got 0")
}
