package traffic

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object whose members have an order, because implementations differ in
// it and a compressor sees it.
type object []member

type member struct {
	key   string
	value any
}

// array is a JSON array.
type array []any

// raw is JSON text that is written as it is.
type raw string

// obj makes an object of keys and values in turn. A member whose value is nil is left
// out; raw("null") is a null.
func obj(pairs ...any) object {
	o := make(object, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != nil {
			o = append(o, member{pairs[i].(string), pairs[i+1]})
		}
	}
	return o
}

// optional is s, or nothing for the empty string.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// when is v if the condition holds, or nothing.
func when(condition bool, v any) any {
	if condition {
		return v
	}
	return nil
}

// with is the object with members added; o stays as it is.
func (o object) with(pairs ...any) object {
	return append(slices.Clone(o), obj(pairs...)...)
}

func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// text is the JSON text of a value.
func text(v any) []byte { return appendValue(nil, v, false) }

// canonical is the JSON text of a value with the keys of all objects sorted.
func canonical(v any) []byte { return appendValue(nil, v, true) }

// sortedKeys is a value with the keys of all objects in it sorted.
func sortedKeys(v any) any {
	switch v := v.(type) {
	case object:
		o := make(object, len(v))
		for i, m := range v {
			o[i] = member{m.key, sortedKeys(m.value)}
		}
		slices.SortStableFunc(o, func(a, b member) int { return strings.Compare(a.key, b.key) })
		return o
	case array:
		a := make(array, len(v))
		for i := range v {
			a[i] = sortedKeys(v[i])
		}
		return a
	}
	return v
}

func appendValue(dst []byte, v any, sorted bool) []byte {
	switch v := v.(type) {
	case raw:
		return append(dst, v...)
	case string:
		return appendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return strconv.AppendFloat(dst, v, 'f', -1, 64)
	case []string:
		dst = append(dst, '[')
		for i, s := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, s)
		}
		return append(dst, ']')
	case array:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, e, sorted)
		}
		return append(dst, ']')
	case object:
		if sorted {
			v = slices.Clone(v)
			slices.SortStableFunc(v, func(a, b member) int { return strings.Compare(a.key, b.key) })
		}
		dst = append(dst, '{')
		for i, m := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, m.key), ':')
			dst = appendValue(dst, m.value, sorted)
		}
		return append(dst, '}')
	}
	panic(fmt.Sprintf("traffic: no JSON for %T", v))
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
