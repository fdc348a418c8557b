package fidelity

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/coapgw/coapgw/coap/link"
)

// TestDifferential sends the same bytes to a homeserver and through a pair in front of it:
// whatever stands in them, the homeserver gets the same request and the client the same
// response, but for what docs/transparency.md says.
//
// The second link has small datagrams, on which more goes into envelopes and blocks.
func TestDifferential(t *testing.T) {
	small := link.Default()
	small.MTU = 200
	t.Run("default", func(t *testing.T) { differential(t, link.Default()) })
	t.Run("small", func(t *testing.T) { differential(t, small) })
}

func differential(t *testing.T, profile link.Profile) {
	virtually(t, func(t *testing.T) {
		p := newRawPairOver(t, profile)
		n := 0
		rapid.Check(bubbled{t}, func(t *rapid.T) {
			var text strings.Builder
			var methods []string
			for range rapid.IntRange(1, 4).Draw(t, "pipelined") {
				n++
				number := fmt.Sprintf("n%dn", n)
				method := rapid.SampledFrom([]string{"GET", "GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "REPORT", "M-SEARCH"}).Draw(t, "method")
				methods = append(methods, method)
				text.WriteString(genRequest(t, method, number))
				a := genAnswer(t)
				p.homeserver.mu.Lock()
				p.homeserver.answers[number] = a
				p.homeserver.mu.Unlock()
				if a.ends {
					break
				}
			}
			p.requireAlike(t, text.String(), methods...)
		})
	})
}

// TestDifferentialSessions does so with what real clients and homeservers have said, changed
// in a few places: here every table of the formats has something to say.
func TestDifferentialSessions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata, "corpus/sessions/*.jsonl"))
	require.NoError(t, err)
	var lines []recorded
	for _, file := range files {
		for _, line := range readSession(t, file) {
			// Files are kept on this side, and versions are edited.
			if !strings.Contains(line.Path, "/media/") && !strings.HasSuffix(line.Path, "/versions") && len(line.Resp) < 8<<10 {
				lines = append(lines, line)
			}
		}
	}
	require.Greater(t, len(lines), 1000)
	virtually(t, func(t *testing.T) {
		p := newRawPair(t)
		n := 0
		rapid.Check(bubbled{t}, func(t *rapid.T) {
			n++
			line := lines[rapid.IntRange(0, len(lines)-1).Draw(t, "line")]
			req := line.request()
			if line.Method == http.MethodPut {
				req.URI = transaction.ReplaceAllString(req.URI, fmt.Sprintf("$0.%d", n)) // the same one again is answered on this side
			}
			body, answer := changed(t, string(line.Req)), changed(t, string(line.Resp))
			text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n", line.Method, changedTarget(t, req.URI))
			for name, values := range req.Header {
				text += name + ": " + values[0] + "\r\n"
			}
			if body != "" {
				text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
			}
			p.homeserver.mu.Lock()
			p.homeserver.answers[""] = rawAnswer{head: fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", line.Status, len(answer)), body: answer}
			p.homeserver.mu.Unlock()
			p.requireAlike(t, text+"\r\n"+body, line.Method)
		})
	})
}

var (
	// values are strings and numbers in JSON, names of members included.
	values      = regexp.MustCompile(`"[^"\\]*"|-?[0-9][0-9.eE+-]*|true|false|null`)
	transaction = regexp.MustCompile(`/(send|sendToDevice|redact)/[^?]*`)
	// parts are what a target is made of.
	parts = regexp.MustCompile(`[^/?&=]+`)
)

// changed is a JSON text with a few of its values in another spelling, or others.
func changed(t *rapid.T, text string) string {
	return change(t, text, values, func(was string) string {
		switch rapid.IntRange(0, 4).Draw(t, "change") {
		case 0:
			return genJSON(t, 1)
		case 1:
			return genString(t)
		case 2:
			return was + " "
		case 3:
			return strings.ReplaceAll(was, "e", `\u0065`) // no number once it has one, and then no JSON
		}
		return strings.Replace(was, ":", ":x", 1)
	})
}

func changedTarget(t *rapid.T, target string) string {
	path, query, asks := strings.Cut(target, "?")
	trees := strings.Join(strings.SplitAfter(path, "/")[:min(3, strings.Count(path, "/")+1)], "")
	rest := change(t, strings.TrimPrefix(path, trees), parts, func(was string) string { return was + pieces(t, "piece") })
	if asks {
		query = "?" + change(t, query, parts, func(was string) string { return was + pieces(t, "piece", "%zz", "&", "?") })
	}
	return trees + rest + query
}

// change makes something else of none to three places of a text.
func change(t *rapid.T, text string, what *regexp.Regexp, into func(was string) string) string {
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		places := what.FindAllStringIndex(text, -1)
		if len(places) == 0 {
			return text
		}
		at := places[rapid.IntRange(0, len(places)-1).Draw(t, "place")]
		text = text[:at[0]] + into(text[at[0]:at[1]]) + text[at[1]:]
	}
	return text
}

// bubbled is a test in virtual time, which has no deadline that rapid could ask for.
type bubbled struct{ *testing.T }
