package traffic

import (
	"bufio"
	"io"
	"strings"
)

// WriteJSONLines writes a session as a recording that can be measured: one exchange a
// line, with the members session, seq, kind, method, path, query, req, status, resp and t.
func (s Session) WriteJSONLines(w io.Writer) error {
	out := bufio.NewWriter(w)
	for i, e := range s.Entries {
		path, query, _ := strings.Cut(e.Target, "?")
		l := obj("session", s.Name, "seq", i+1, "kind", e.Kind, "method", e.Method, "path", path, "query", query)
		if e.Request != nil {
			l = l.with("req", raw(e.Request))
		}
		l = l.with("status", e.Status)
		if e.Response != nil {
			l = l.with("resp", raw(e.Response))
		}
		out.Write(text(l.with("t", s.Times[i]))) // errors stay until Flush
		out.WriteByte('\n')
	}
	return out.Flush()
}
