package fakehs

import (
	"bytes"
	"cmp"
	"mime"
	"net/http"
	"slices"
	"time"
)

// media is an uploaded file. It never changes.
type media struct {
	contentType string
	filename    string
	data        []byte
}

func upload(s *Server, q *request) (any, error) {
	if s.stored+int64(len(q.body)) > s.cfg.MaxMedia {
		return nil, tooLarge("the server keeps at most %d bytes of media", s.cfg.MaxMedia)
	}
	s.stored += int64(len(q.body))
	id := s.ids.media()
	s.media[id] = &media{cmp.Or(q.Header.Get("Content-Type"), "application/octet-stream"), q.query.Get("filename"), q.body}
	return object{"content_uri": "mxc://" + s.cfg.ServerName + "/" + id}, nil
}

// download serves thumbnails too, at the original size: a server may return a larger one than was asked for.
func download(s *Server, q *request) (any, error) {
	m := s.media[q.args[1]]
	if m == nil || q.args[0] != s.cfg.ServerName {
		return nil, notFound("no such media")
	}
	if len(q.args) == 3 {
		m = &media{m.contentType, q.args[2], m.data}
	}
	return m, nil
}

// serve writes the file, showing in the browser only what cannot run there (CS API, "Serving inline content").
func (m *media) serve(w http.ResponseWriter, r *http.Request) {
	kind, _, _ := mime.ParseMediaType(m.contentType)
	inline := []string{
		"text/css", "text/plain", "text/csv", "application/json", "application/ld+json", "image/jpeg", "image/gif", "image/png", "image/apng",
		"image/webp", "image/avif", "video/mp4", "video/webm", "video/ogg", "video/quicktime", "audio/mp4", "audio/webm", "audio/aac",
		"audio/mpeg", "audio/ogg", "audio/wave", "audio/wav", "audio/x-wav", "audio/x-pn-wav", "audio/flac", "audio/x-flac",
	}
	disposition := "attachment"
	if slices.Contains(inline, kind) {
		disposition = "inline"
	}
	if m.filename != "" {
		disposition = mime.FormatMediaType(disposition, map[string]string{"filename": m.filename})
	}
	h := w.Header()
	h.Set("Content-Type", m.contentType)
	h.Set("Content-Disposition", disposition)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.data))
}

func mediaConfig(s *Server, _ *request) (any, error) {
	return object{"m.upload.size": s.cfg.MaxUpload}, nil
}

// noPreview answers 404: a server without the Internet has nothing to preview.
func noPreview(*Server, *request) (any, error) { return nil, notFound("no preview") }
