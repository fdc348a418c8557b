package paths

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFormByte(t *testing.T) {
	for _, c := range []struct {
		form Form
		b    uint8
	}{
		{Form{}, 0},
		{Form{V3: true}, 0x40},
		{Form{Path: 2}, 0x02},
		{Form{Query: 3}, 0x18},
		{Form{V3: true, Path: 7, Query: 7}, 0x7f},
	} {
		assert.Equal(t, c.b, c.form.Byte())
		got, err := ParseForm(c.b)
		require.NoError(t, err)
		assert.Equal(t, c.form, got)
	}
}

// TestParseForm covers every byte: it is either a form that gives the same byte
// again, or refused.
func TestParseForm(t *testing.T) {
	for b := range 256 {
		form, err := ParseForm(uint8(b))
		if b >= 0x80 {
			assert.ErrorIs(t, err, ErrForm)
			assert.Zero(t, form)
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, uint8(b), form.Byte())
	}
}

// TestStyles pins the numbers and the sets: they are wire format.
func TestStyles(t *testing.T) {
	punctuation := func(e escaping) string {
		var s []byte
		for b := byte(0); b < 128; b++ {
			if e.literal.has(b) && !chars(alnum).has(b) {
				s = append(s, b)
			}
		}
		if e.plus {
			s = append(s, " +"...)
		}
		return string(s)
	}
	var path, query []string
	for _, e := range pathStyles {
		require.True(t, chars(alnum).within(e.literal), e.name)
		path = append(path, punctuation(e))
	}
	for _, e := range queryStyles {
		require.True(t, chars(alnum).within(e.literal), e.name)
		query = append(query, punctuation(e))
	}
	assert.Equal(t, []string{
		`!$&'()*+,-.:;=@_~`,
		`!'()*-._~`,
		`$&+-.:=@_~`,
		`-._~`,
		`$&+,-.:;=@_~`,
		`!$&'()*+,-.:;=@[]^_|~`,
		`!$&'()*+,-.:;=@[]_|~`,
		`!$&'()*,-.:;=@_~`,
	}, path)
	assert.Equal(t, []string{
		`!$'()*+,-./:;=?@_~`,
		`!'()*-._~`,
		`*-._ +`,
		`-._~ +`,
		`-._~`,
		`!()*-._~`,
		`!$'()*,-./:?@_~ +`,
		`!$()*+,-./:;=?@[\]^_` + "`{|}~",
	}, query)
}

// TestStylesOfGo holds the rows named after Go to what Go does.
func TestStylesOfGo(t *testing.T) {
	for b := byte(0); b < 128; b++ {
		c := string(rune(b))
		if b != '/' {
			assert.Equal(t, url.PathEscape(c) == c, pathStyles[2].literal.has(b), "PathEscape %q", c)
			u := url.URL{Path: "/a" + c + "b"}
			assert.Equal(t, u.EscapedPath() == u.Path, pathStyles[4].literal.has(b), "EscapedPath %q", c)
		}
		assert.Equal(t, url.QueryEscape(c) == c, queryStyles[3].literal.has(b), "QueryEscape %q", c)
	}
}
