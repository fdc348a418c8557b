package paths

import "strings"

// SplitQuery splits a query, without its "?", into Uri-Query values by RFC 7252
// §6.4: one decoded "key=value" for each argument, in order, with repetitions
// and empty arguments. The empty query has none; whether the URI ended in a bare
// "?" is not seen here and is the caller's to keep (url.URL.ForceQuery).
//
// It reports false when Uri-Query values cannot carry the query so that
// JoinQuery restores it to the byte: an argument is longer than 255 bytes
// decoded or not UTF-8, a key holds an escaped "=", which would end it early, or
// no Style reproduces the escaping.
func SplitQuery(rawQuery string) (args []string, style Style, ok bool) {
	if rawQuery == "" {
		return nil, 0, true
	}
	var keys, values usage
	for arg := range strings.SplitSeq(rawQuery, "&") {
		key, value, _ := strings.Cut(arg, "=")
		if !keys.scan(key) || !values.scan(value) {
			return nil, 0, false
		}
	}
	if keys.escaped.has('=') {
		return nil, 0, false
	}
	if style, ok = fit(queryStyles, keys.and(values)); !ok {
		return nil, 0, false
	}
	args = make([]string, 0, strings.Count(rawQuery, "&")+1)
	for arg := range strings.SplitSeq(rawQuery, "&") {
		arg = decode(arg, queryStyles[style].plus)
		if !legalValue(arg) {
			return nil, 0, false
		}
		args = append(args, arg)
	}
	return args, style, true
}

// JoinQuery composes the query from Uri-Query values by RFC 7252 §6.5, the
// inverse of SplitQuery. The values may come from anyone: what is no part of an
// argument in this style is escaped. An unknown style is taken for style 0;
// ParseForm returns none.
func JoinQuery(args []string, style Style) string {
	if int(style) >= len(queryStyles) {
		style = 0
	}
	e := &queryStyles[style]
	size := 0
	for _, arg := range args {
		size += len(arg) + escapeRoom
	}
	var b strings.Builder
	b.Grow(size)
	for i, arg := range args {
		if i > 0 {
			b.WriteByte('&')
		}
		key, value, found := strings.Cut(arg, "=")
		e.write(&b, key)
		if found {
			b.WriteByte('=')
			e.write(&b, value)
		}
	}
	return b.String()
}
