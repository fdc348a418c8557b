package main

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/coapgw/coapgw/coap/paths"
)

// constant returns a word of the tables as names of constants are written in C:
// "m.fully_read" is M_FULLY_READ, "createRoom" is CREATE_ROOM.
func constant(word string) string {
	var b strings.Builder
	small := false // the character before was a small letter or a digit
	for _, r := range word {
		switch {
		case unicode.IsUpper(r):
			if small {
				b.WriteByte('_')
			}
			b.WriteRune(r)
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(unicode.ToUpper(r))
		default:
			b.WriteByte('_')
		}
		small = unicode.IsLower(r) || unicode.IsDigit(r)
	}
	return b.String()
}

// pathNames returns the name of each path: its segments behind the version of the API
// without the parameters. Where two would have the same, the one with more parameters has
// also those behind its last word.
func pathNames(rows []paths.Row) ([]string, error) {
	names := make([]string, len(rows))
	fewest := map[string]int{} // parameters by name
	for n, r := range rows {
		names[n] = pathName(r.Template, false)
		parameters := strings.Count(r.Template, "{")
		if other, ok := fewest[names[n]]; !ok || parameters < other {
			fewest[names[n]] = parameters
		}
	}
	taken := map[string]string{}
	for n, r := range rows {
		if strings.Count(r.Template, "{") > fewest[names[n]] {
			names[n] = pathName(r.Template, true)
		}
		if other, ok := taken[names[n]]; ok {
			return nil, fmt.Errorf("paths %s and %s have the same name in C", other, r.Template)
		}
		taken[names[n]] = r.Template
	}
	return names, nil
}

// pathName returns the words of a path, with the parameters behind the last one if whole.
func pathName(template string, whole bool) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(template, "/_matrix/client/"), "r0/")
	var words, parameters []string
	for segment := range strings.SplitSeq(strings.TrimSuffix(rest, "/"), "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			parameters = append(parameters, constant(strings.TrimSuffix(name, "}")))
			continue
		}
		words, parameters = append(words, constant(segment)), nil
	}
	if whole {
		words = append(words, parameters...)
	}
	return strings.Join(words, "_")
}
