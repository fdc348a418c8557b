package cborcodec

import (
	"strings"
	"unicode/utf8"
)

// What a gateway reads of a JSON text without turning it into anything: the members of an
// object, the elements of an array, and strings. A program that links no more than a client does not link encoding/json
// for that.

// JSONMembers returns the members of an object by their unescaped names, the last of those of
// one name; null has none. Values are as they stand, parts of the text. Errors are *SyntaxError
// or *LimitError, for values that are wrong inside too.
func JSONMembers(text []byte) (map[string][]byte, error) {
	s := scanner{src: text}
	if s.peek() == 'n' {
		if err := s.literal("null"); err != nil {
			return nil, err
		}
		return nil, s.end()
	}
	members := make(map[string][]byte)
	err := s.object(0, func(name stringToken, value []byte) {
		members[string(appendUnescaped(nil, name.raw))] = value
	})
	if err != nil {
		return nil, err
	}
	return members, s.end()
}

// JSONElements returns the elements of an array as they stand, parts of the text; null has none.
// Errors are as those of JSONMembers.
func JSONElements(text []byte) ([][]byte, error) {
	s := scanner{src: text}
	if s.peek() == 'n' {
		if err := s.literal("null"); err != nil {
			return nil, err
		}
		return nil, s.end()
	}
	var elements [][]byte
	if err := s.array(0, func(value []byte) { elements = append(elements, value) }); err != nil {
		return nil, err
	}
	return elements, s.end()
}

// JSONString returns the string that a text is. A lone surrogate becomes U+FFFD.
func JSONString(text []byte) (string, error) {
	s := scanner{src: text}
	if s.peek() != '"' {
		return "", s.unexpected()
	}
	t, err := s.string()
	if err != nil {
		return "", err
	}
	out := string(appendUnescaped(nil, t.raw))
	if t.surrogates {
		out = strings.ToValidUTF8(out, string(utf8.RuneError))
	}
	return out, s.end()
}

// AppendJSONString appends a text as a JSON string. What is no UTF-8 becomes U+FFFD.
func AppendJSONString(dst []byte, s string) []byte {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	return append(appendEscaped(append(dst, '"'), []byte(s)), '"')
}

// value consumes a value that depth others contain.
func (s *scanner) value(depth int) error {
	switch c := s.peek(); c {
	case '{':
		return s.object(depth, func(stringToken, []byte) {})
	case '[':
		return s.array(depth, func([]byte) {})
	case '"':
		_, err := s.string()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		if c != '-' && !isDigit(c) {
			return s.unexpected()
		}
		_, err := s.number()
		return err
	}
}

// enter consumes the bracket of a container.
func (s *scanner) enter(c byte, depth int) error {
	if err := s.expect(c); err != nil {
		return err
	}
	if depth >= DefaultMaxDepth {
		return &LimitError{Offset: s.pos - 1, Limit: "MaxDepth", Max: DefaultMaxDepth}
	}
	return nil
}

func (s *scanner) object(depth int, each func(name stringToken, value []byte)) error {
	if err := s.enter('{', depth); err != nil {
		return err
	}
	for first := true; s.peek() != '}'; first = false {
		if !first {
			if err := s.expect(','); err != nil {
				return err
			}
		}
		if s.peek() != '"' {
			return s.unexpected()
		}
		name, err := s.string()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		value, err := s.cut(depth + 1)
		if err != nil {
			return err
		}
		each(name, value)
	}
	s.pos++
	return nil
}

func (s *scanner) array(depth int, each func(value []byte)) error {
	if err := s.enter('[', depth); err != nil {
		return err
	}
	for first := true; s.peek() != ']'; first = false {
		if !first {
			if err := s.expect(','); err != nil {
				return err
			}
		}
		value, err := s.cut(depth + 1)
		if err != nil {
			return err
		}
		each(value)
	}
	s.pos++
	return nil
}

// cut consumes a value and returns it.
func (s *scanner) cut(depth int) ([]byte, error) {
	s.peek()
	start := s.pos
	err := s.value(depth)
	return s.src[start:s.pos], err
}
