package main

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed vocabulary/*.txt
var vocabularyFiles embed.FS

// vocabulary is what may enter the tables: public words only. Traffic gives them
// their order, but adds only containers that are made of them.
type vocabulary struct {
	keys, words, arguments, routes, containers []string
	// frequent are the routes and containers with a plus, which the traffic has less
	// often than that of other clients and servers.
	frequent []string
}

func readVocabulary() (v vocabulary, err error) {
	for _, f := range []struct {
		name  string
		split func(string) []string
		into  *[]string
	}{
		{"keys", strings.Fields, &v.keys},
		{"words", strings.Fields, &v.words},
		{"arguments", wholeLine, &v.arguments},
		{"routes", routesOfLine, &v.routes},
		{"containers", wholeLine, &v.containers},
	} {
		b, err := vocabularyFiles.ReadFile("vocabulary/" + f.name + ".txt")
		if err != nil {
			return v, err
		}
		seen := map[string]bool{}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			line, frequent := strings.CutPrefix(strings.TrimSpace(line), "+")
			for _, entry := range f.split(line) {
				if frequent {
					v.frequent = append(v.frequent, entry)
				}
				if !seen[entry] {
					seen[entry] = true
					*f.into = append(*f.into, entry)
				}
			}
		}
	}
	return v, nil
}

func wholeLine(line string) []string { return []string{line} }

// routesOfLine expands "GET,PUT client v3,r0 rooms/{roomId}" into "METHOD path" for
// each method and version, versions first.
func routesOfLine(line string) []string {
	f := strings.Fields(line)
	if len(f) != 4 {
		panic(fmt.Sprintf("dialectgen: malformed route %q", line))
	}
	var routes []string
	for version := range strings.SplitSeq(f[2], ",") {
		path := f[3]
		if f[1] != "." {
			path = "/_matrix/" + f[1] + "/" + version + "/" + path
		}
		for method := range strings.SplitSeq(f[0], ",") {
			routes = append(routes, method+" "+path)
		}
	}
	return routes
}
