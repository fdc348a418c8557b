package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/cborcodec/dialect"
	"github.com/coapgw/coapgw/coap/paths"
	"github.com/coapgw/coapgw/internal/corpus"
)

// maxContainer is the longest container that may become a word, in bytes of JSON.
const maxContainer = 512

// maxNumber is the largest number in such a container, but for round ones: larger
// ones belong to the traffic, not to the protocol.
const maxNumber = 100

// census counts the vocabulary in traffic.
type census struct {
	vocabulary
	keyCounts, wordCounts, argumentCounts, routeCounts map[string]int
	known                                              map[string]bool // words
	// containers are those made of the vocabulary only, by their text.
	containers map[string]*container
	// session numbers the recordings from 1; the vocabulary itself is 0.
	session int
}

// container is an object or array of the vocabulary.
type container struct {
	text string
	// outside counts how often it is in something that is no such container.
	outside int
	// own is the size in bytes without the inner containers.
	own int
	// sessions is in how many it occurs, last the latest of them.
	sessions, last int
	// inner counts the containers in it.
	inner map[*container]int
}

// frequent is how often a frequent entry counts before there is any traffic.
const frequent = 50

func newCensus(v vocabulary) *census {
	c := &census{
		vocabulary: v,
		keyCounts:  map[string]int{}, wordCounts: map[string]int{},
		argumentCounts: map[string]int{}, routeCounts: map[string]int{},
		known:      map[string]bool{},
		containers: map[string]*container{},
	}
	for _, key := range v.keys {
		if !isVersion1Key(key) {
			c.keyCounts[key] = 0
		}
	}
	for _, word := range v.words {
		c.known[word] = true
	}
	for _, entry := range v.frequent {
		c.routeCounts[entry] = frequent
	}
	for _, text := range v.containers {
		f := c.value(decoder([]byte(text)))
		if f.whole != nil && slices.Contains(v.frequent, text) {
			f.whole.outside, f.whole.sessions = frequent, minSessions
		}
	}
	return c
}

func decoder(text []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d
}

// add counts one session.
func (c *census) add(s corpus.Session) {
	c.session++
	for _, e := range s.Entries {
		c.target(e.Method, e.Target)
		for _, body := range [][]byte{e.Request, e.Response} {
			if json.Valid(body) {
				c.document(body)
			}
		}
	}
}

// target counts the route, the parameters and the query arguments of a request.
func (c *census) target(method, target string) {
	path, query, _ := strings.Cut(target, "?")
	segments, _, ok := new(paths.Table).Shorten(path, false)
	if !ok {
		return
	}
	if route, params, ok := c.route(method, segments); ok {
		c.routeCounts[route]++
		for _, p := range params {
			c.wordCounts[p]++
		}
	}
	args, _, ok := paths.SplitQuery(query)
	if !ok {
		return
	}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		if slices.Contains(c.arguments, arg) {
			c.argumentCounts[arg]++
			continue
		}
		c.argumentCounts[key]++
		c.wordCounts[value]++
	}
}

// route returns the route of a request: the one with the fewest parameters.
func (c *census) route(method string, segments []string) (route string, params []string, ok bool) {
	for _, r := range c.routes {
		m, template, _ := strings.Cut(r, " ")
		parts := strings.Split(template[1:], "/")
		if m != method || len(parts) != len(segments) {
			continue
		}
		var values []string
		fits := true
		for i, part := range parts {
			if strings.HasPrefix(part, "{") {
				values = append(values, segments[i])
			} else if part != segments[i] {
				fits = false
				break
			}
		}
		if fits && (!ok || len(values) < len(params)) {
			route, params, ok = r, values, true
		}
	}
	return route, params, ok
}

// isVersion1Key says whether version 1 has an integer for a key.
func isVersion1Key(key string) bool {
	text, err := json.Marshal(map[string]int{key: 0})
	if err != nil {
		return false
	}
	item, err := cborcodec.V1(cborcodec.Limits{}).AppendCBOR(nil, text)
	return err == nil && cborcodec.HasIntegerKeys(item)
}

// found is one value of the traffic.
type found struct {
	// text is its JSON, empty if it is not of the vocabulary.
	text string
	// size is the length of its item without inner containers, in bytes.
	size int
	// whole is set for a container of the vocabulary.
	whole *container
}

// document counts a JSON text.
func (c *census) document(text []byte) {
	if f := c.value(decoder(text)); f.whole != nil {
		f.whole.outside++
	}
}

// value counts one value.
func (c *census) value(d *json.Decoder) found {
	token, err := d.Token()
	if err != nil {
		return found{}
	}
	switch token := token.(type) {
	case json.Delim:
		return c.inside(d, token == '{')
	case string:
		c.wordCounts[token]++
		if c.known[token] || token == "" {
			return found{text: `"` + token + `"`, size: 2}
		}
		return found{}
	case json.Number:
		if n, err := token.Int64(); err != nil || n < 0 || n > maxNumber && n%1000 != 0 {
			return found{}
		}
		return found{text: token.String(), size: 1 + len(token)/3}
	case bool:
		return found{text: strconv.FormatBool(token), size: 1}
	default:
		return found{text: "null", size: 1}
	}
}

// inside counts a container behind its opening bracket.
func (c *census) inside(d *json.Decoder, object bool) found {
	open, closed := "[", "]"
	if object {
		open, closed = "{", "}"
	}
	members := []string{}
	size, sound := 1, true
	inner := map[*container]int{}
	for d.More() {
		name := ""
		if object {
			key, err := d.Token()
			if err != nil {
				return found{}
			}
			k := key.(string)
			count, listed := c.keyCounts[k]
			if listed {
				c.keyCounts[k] = count + 1
			}
			sound = sound && (listed || isVersion1Key(k)) && !dialect.IsCounter(k) && k != "age"
			name = strconv.Quote(k) + ":"
			size += 2
		}
		f := c.value(d)
		sound = sound && f.text != ""
		members = append(members, name+f.text)
		if f.whole != nil {
			inner[f.whole]++
		} else {
			size += f.size
		}
	}
	if _, err := d.Token(); err != nil {
		return found{}
	}
	text := open + strings.Join(members, ",") + closed
	if !sound || len(text) > maxContainer {
		for f, n := range inner {
			f.outside += n
		}
		return found{}
	}
	if len(members) == 0 {
		return found{text: text, size: 1}
	}
	whole := c.containers[text]
	if whole == nil {
		whole = &container{text: text, own: size, inner: inner}
		c.containers[text] = whole
	}
	if whole.last != c.session {
		whole.sessions++
		whole.last = c.session
	}
	return found{text: text, whole: whole}
}
