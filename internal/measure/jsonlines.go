package measure

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
)

// jsonType is the Content-Type of the bodies in JSON-lines recordings.
const jsonType = "application/json"

// maxLine bounds one line of a recording: a large first sync fits.
const maxLine = 64 << 20

// line is one exchange in a JSON-lines recording.
type line struct {
	Kind   string          `json:"kind"`
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Query  string          `json:"query"`
	Req    json.RawMessage `json:"req"`
	Status int             `json:"status"`
	Resp   json.RawMessage `json:"resp"`
}

// JSONLines measures a recording of one session: one exchange a line, in order. An
// exchange whose path no HTTP client could send is counted as unusable.
func (m *Meter) JSONLines(r io.Reader) error {
	var entries []Entry
	err := EachLine(r, func(e Entry) error {
		if _, err := url.ParseRequestURI(e.Target); err != nil {
			m.Unusable("target malformed")
			return nil
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return err
	}
	return m.Session(entries, false)
}

// EachLine calls f for every exchange of a JSON-lines recording.
func EachLine(r io.Reader, f func(Entry) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 1<<16), maxLine)
	for n := 1; in.Scan(); n++ {
		if len(in.Bytes()) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if l.Method == "" || l.Path == "" {
			return fmt.Errorf("line %d: %w", n, errNoRequest)
		}
		if err := f(l.entry()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return in.Err()
}

var errNoRequest = errors.New("no method and path: not a recorded exchange")

func (l line) entry() Entry {
	e := Entry{
		Kind: l.Kind, Method: l.Method, Target: l.Path, Status: l.Status,
		Request: present(l.Req), Response: present(l.Resp), RequestType: jsonType, ResponseType: jsonType,
	}
	if l.Query != "" {
		e.Target += "?" + l.Query
	}
	if e.Status == 0 {
		e.Status = 200
	}
	if e.Kind == "" {
		e.Kind = kindOf(l.Method, l.Path)
	}
	return e
}

// present is a recorded body; recorders write null where there was none.
func present(body json.RawMessage) []byte {
	if string(body) == "null" {
		return nil
	}
	return body
}
