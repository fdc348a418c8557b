package gateway

import (
	"io"
	"net/http"
	"time"
)

// stallTimeout is how long a client may neither send nor take anything while we wait
// for it in the middle of a body. Clients are near: whatever the link is, one that is
// silent for so long has gone.
const stallTimeout = 2 * time.Minute

// cutStalled lets h see an error when a client stalls. Time that the link takes is
// not counted: the deadlines stand only while a read or a write waits for the client.
func cutStalled(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			r = r.WithContext(r.Context()) // a copy
			r.Body = &stallingBody{r.Body, client}
		}
		h.ServeHTTP(&stallingWriter{w, client}, r)
	})
}

// stallingBody is a request's body with a deadline for each read. An error of the
// controller means that there is no connection that could stall.
type stallingBody struct {
	io.ReadCloser
	client *http.ResponseController
}

// Read implements io.Reader.
func (b *stallingBody) Read(p []byte) (int, error) {
	_ = b.client.SetReadDeadline(time.Now().Add(stallTimeout))
	n, err := b.ReadCloser.Read(p)
	_ = b.client.SetReadDeadline(time.Time{})
	return n, err
}

// stallingWriter is an answer with a deadline for each write.
type stallingWriter struct {
	http.ResponseWriter
	client *http.ResponseController
}

// Write implements io.Writer.
func (w *stallingWriter) Write(p []byte) (int, error) {
	_ = w.client.SetWriteDeadline(time.Now().Add(stallTimeout))
	n, err := w.ResponseWriter.Write(p)
	_ = w.client.SetWriteDeadline(time.Time{})
	return n, err
}

// FlushError implements what http.ResponseController looks for.
func (w *stallingWriter) FlushError() error {
	_ = w.client.SetWriteDeadline(time.Now().Add(stallTimeout))
	err := w.client.Flush()
	_ = w.client.SetWriteDeadline(time.Time{})
	return err
}

// Unwrap returns what http.ResponseController looks for.
func (w *stallingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
