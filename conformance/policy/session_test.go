package policy

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// summaryLine is a line of testdata/clients: how often a client asked what in a session,
// and how long bodies were.
var summaryLine = regexp.MustCompile(`^\s*(\d+) ([A-Z]+)\s+(\S+)\s+q=(\S+)\s+st=\{(\d+): .*\} req=(\d+)-(\d+) res=(\d+)-(\d+)$`)

// step is a request of a client.
type step struct {
	method, route string   // with {names} for identifiers
	query         []string // names
	status        int      // of the recorded answer
	request, size int      // bytes of the bodies
	// at is when, as a part of the session.
	at float64
}

// sessionOf reads what a client did. The summaries say how often, not when: requests of a
// kind are spread evenly, all but those with which sessions begin and end.
func sessionOf(t *testing.T, file string) []step {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var steps []step
	kinds := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		m := summaryLine.FindStringSubmatch(line)
		if m == nil || m[2] == "OPTIONS" { // which connect answers
			continue
		}
		n := make([]int, len(m))
		for i := range m {
			n[i], _ = strconv.Atoi(m[i]) // 0 for what is no number
		}
		s := step{method: m[2], route: m[3], status: n[5], request: n[7], size: n[9]}
		if m[4] != "-" {
			s.query = strings.Split(m[4], ",")
		}
		kinds++
		_, phase := divide(float64(kinds) * 0.618)
		for i := range n[1] {
			s.at = (float64(i) + phase) / float64(n[1])
			switch {
			case strings.HasSuffix(s.route, "/login"), strings.HasSuffix(s.route, "/register"), strings.HasSuffix(s.route, "/upload") && strings.Contains(s.route, "/media/"):
				s.at = 0
			case strings.HasSuffix(s.route, "/logout"):
				s.at = 1
			}
			steps = append(steps, s)
		}
	}
	require.NotEmpty(t, steps, file)
	slices.SortStableFunc(steps, func(a, b step) int { return cmpFloat(a.at, b.at) })
	return steps
}

func divide(x float64) (whole, part float64) {
	whole = float64(int(x))
	return whole, x - whole
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// hourOfChat is a person who reads 40 messages in two rooms and writes ten, with a client
// that says all it can say.
func hourOfChat() []step {
	var steps []step
	add := func(at float64, method, route string, query ...string) {
		steps = append(steps, step{method: method, route: route, query: query, status: 200, request: 20, at: at / 60})
	}
	const room = v3 + "/rooms/{roomId}/"
	for minute := 0.0; minute < 60; minute += 0.5 {
		add(minute, "GET", v3+"/sync", "since", "timeout")
	}
	for minute := 0.0; minute < 60; minute += 30 {
		add(minute, "GET", "/_matrix/client/versions")
		add(minute, "GET", v3+"/capabilities")
		add(minute, "GET", v3+"/pushrules/")
		add(minute, "GET", v3+"/voip/turnServer")
		add(minute, "GET", v3+"/profile/{userId}")
		add(minute, "GET", "/_matrix/client/v1/media/thumbnail/{server}/{mediaId}", "width", "height")
	}
	for minute := 2.0; minute < 60; minute += 5 {
		add(minute, "PUT", v3+"/presence/{userId}/status")
	}
	for i := range 40 {
		minute := 3 + float64(i/4)*5 + float64(i%4)*0.1 // four at a time
		add(minute, "POST", room+"receipt/{m.read}/{eventId}")
		add(minute, "POST", room+"read_markers")
	}
	for i := range 10 {
		minute := 4 + float64(i)*5
		add(minute, "PUT", room+"typing/{userId}")
		add(minute+0.4, "PUT", room+"typing/{userId}")
		add(minute+0.5, "PUT", room+"send/{type=m.room.message}/{txn}")
		add(minute+0.5, "PUT", room+"typing/{userId}")
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmpFloat(a.at, b.at) })
	return steps
}

// place says what the names in routes stand for.
type place struct {
	user, room, media string
	events            []string
	txn               int
	since             string
}

var name = regexp.MustCompile(`\{[^}]*\}`)

// target is the path and query of a step.
func (p *place) target(s step) string {
	path := name.ReplaceAllStringFunc(s.route, func(n string) string {
		n = strings.Trim(n, "{}")
		switch {
		case n == "userId":
			return url.PathEscape(p.user)
		case strings.HasPrefix(n, "room"):
			return url.PathEscape(p.room)
		case n == "eventId":
			p.txn++
			return url.PathEscape(p.events[p.txn%len(p.events)])
		case n == "txn":
			p.txn++
			return fmt.Sprintf("m%d", p.txn)
		case n == "server":
			return "localhost"
		case n == "mediaId":
			return p.media
		case strings.HasPrefix(n, "type="):
			return url.PathEscape(n[len("type="):])
		}
		return url.PathEscape(n)
	})
	var query []string
	for _, n := range s.query {
		value := "1"
		switch n {
		case "since":
			if value = p.since; value == "" {
				continue
			}
		case "timeout":
			value = "0"
		case "filter", "access_token":
			continue
		case "_cacheBuster":
			p.txn++
			value = strconv.Itoa(1_795_328_724_548 + p.txn)
		case "width", "height":
			value = "96"
		case "dir":
			value = "b"
		case "limit":
			value = "20"
		}
		query = append(query, n+"="+value)
	}
	if query == nil {
		return path
	}
	return path + "?" + strings.Join(query, "&")
}

// body is that of a step's request.
func (p *place) body(s step) string {
	event := p.events[p.txn%len(p.events)]
	switch {
	case s.method == "GET" || s.request == 0:
		return ""
	case strings.Contains(s.route, "/typing/"):
		return `{"typing":true,"timeout":30000}`
	case strings.Contains(s.route, "/presence/"):
		return `{"presence":"online"}`
	case strings.Contains(s.route, "/receipt/"):
		return `{}`
	case strings.HasSuffix(s.route, "/read_markers"):
		return `{"m.fully_read":"` + event + `","m.read":"` + event + `"}`
	case strings.Contains(s.route, "/send/"):
		return `{"msgtype":"m.text","body":"` + words(s.request-30) + `"}`
	}
	return `{"x":"` + words(s.request-8) + `"}`
}

// words is a text of some n bytes that does not become shorter than text does.
func words(n int) string {
	var b strings.Builder
	for seed := uint32(1); b.Len() < n; seed = seed*1664525 + 1013904223 {
		fmt.Fprintf(&b, "%s ", strconv.FormatUint(uint64(seed>>7), 36))
	}
	return strings.TrimSpace(b.String()[:max(min(n, b.Len()), 0)])
}

// sessions are those of testdata/clients, by name, and an hour of chat.
func sessions(t *testing.T) (names []string, steps [][]step) {
	files, err := filepath.Glob("../../testdata/clients/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".txt"))
		steps = append(steps, sessionOf(t, f))
	}
	return append(names, "an hour of chat"), append(steps, hourOfChat())
}
