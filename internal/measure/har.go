package measure

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/coapgw/coapgw/coap/paths"
)

// har is as much of an HTTP Archive 1.2 as measuring needs.
type har struct {
	Log struct {
		Entries []struct {
			Request struct {
				Method   string `json:"method"`
				URL      string `json:"url"`
				BodySize int    `json:"bodySize"`
				PostData *struct {
					MimeType string `json:"mimeType"`
					Text     string `json:"text"`
				} `json:"postData"`
			} `json:"request"`
			Response struct {
				Status  int `json:"status"`
				Content struct {
					Size     int    `json:"size"`
					MimeType string `json:"mimeType"`
					Text     string `json:"text"`
					Encoding string `json:"encoding"`
				} `json:"content"`
			} `json:"response"`
		} `json:"entries"`
	} `json:"log"`
}

// HAR measures an HTTP Archive as browsers export it. Exchanges that are not
// Matrix, got no answer, or lack a part of the body that they had, are counted as
// unusable.
func (m *Meter) HAR(r io.Reader) error {
	var h har
	if err := json.NewDecoder(r).Decode(&h); err != nil {
		return err
	}
	if h.Log.Entries == nil {
		return errors.New("this is no HTTP archive: it has no log with entries")
	}
	var entries []Entry
	for _, e := range h.Log.Entries {
		u, err := url.Parse(e.Request.URL)
		if err != nil {
			m.Unusable("malformed URL")
			continue
		}
		path := u.EscapedPath()
		switch {
		case !strings.HasPrefix(path, "/_matrix/") && !strings.HasPrefix(path, "/.well-known/matrix/"):
			m.Unusable("not Matrix")
			continue
		case e.Request.Method == "OPTIONS":
			m.Unusable("answered by connect itself")
			continue
		case e.Response.Status < 200:
			m.Unusable("no answer")
			continue
		case e.Request.BodySize > 0 && (e.Request.PostData == nil || e.Request.PostData.Text == ""):
			m.Unusable("request body missing")
			continue
		case e.Response.Content.Text == "" && e.Response.Content.Size > 0:
			m.Unusable("response body missing")
			continue
		}
		entry := Entry{
			Kind: kindOf(e.Request.Method, path), Method: e.Request.Method, Target: u.RequestURI(),
			Status: e.Response.Status, Response: []byte(e.Response.Content.Text), ResponseType: e.Response.Content.MimeType,
		}
		if e.Response.Content.Encoding == "base64" {
			if entry.Response, err = base64.StdEncoding.DecodeString(e.Response.Content.Text); err != nil {
				m.Unusable("response body unreadable")
				continue
			}
		}
		if p := e.Request.PostData; p != nil {
			entry.Request, entry.RequestType = []byte(p.Text), p.MimeType
		}
		entries = append(entries, entry)
	}
	return m.Session(entries, true) // browsers cut long bodies short
}

// kindOf names an exchange by its method and the row of the path table, or by the
// end of its path where there is no row.
func kindOf(method, path string) string {
	segments, _, ok := paths.V1().Shorten(path, true)
	if !ok || len(segments) == 0 {
		return method + " other"
	}
	for _, row := range paths.V1().Rows() {
		if row.Enum == segments[0] {
			return method + " " + strings.TrimPrefix(row.Template, "/_matrix/client/r0")
		}
	}
	if len(segments) > 3 && segments[0] == "_matrix" {
		return method + " " + strings.Join(segments[:4], "/") + "…"
	}
	return method + " other"
}
