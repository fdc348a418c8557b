package gateway

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// lowBandwidth is the feature flag by which a server says that it can be reached
// as MSC3079 describes.
const lowBandwidth = "org.matrix.msc3079.low_bandwidth"

// maxDiscovery bounds the answers that are read whole to be edited, in bytes.
// Larger ones pass as they are.
const maxDiscovery = 256 << 10

// edit changes the JSON text of an answer, or reports false to leave it alone.
type edit func(text []byte) ([]byte, bool)

// advertiseLowBandwidth sets the feature flag in an answer to
// GET /_matrix/client/versions.
func advertiseLowBandwidth(text []byte) ([]byte, bool) {
	return setMember(text, []string{"unstable_features", lowBandwidth}, []byte("true"), true)
}

// replaceBaseURL returns the edit that puts base in place of the homeserver's
// address, which stands under the given path.
func replaceBaseURL(base *url.URL, path ...string) edit {
	value := quote(base.String())
	return func(text []byte) ([]byte, bool) {
		return setMember(text, append(path, "m.homeserver", "base_url"), value, false)
	}
}

// editKey finds the edit that withEdit left in a request's context.
type editKey struct{}

func withEdit(ctx context.Context, e edit) context.Context {
	return context.WithValue(ctx, editKey{}, e)
}

func editFrom(ctx context.Context) edit {
	e, _ := ctx.Value(editKey{}).(edit)
	return e
}

// discoveryEdit returns the edit for the answer to r, nil for none. advertise
// may be nil; versions says whether the feature flag is to be set.
func discoveryEdit(r *http.Request, advertise *url.URL, versions bool) edit {
	path := r.URL.Path
	switch {
	case r.Method == http.MethodGet && path == "/_matrix/client/versions" && versions:
		return advertiseLowBandwidth
	case advertise == nil:
		return nil
	case r.Method == http.MethodGet && path == "/.well-known/matrix/client":
		return replaceBaseURL(advertise)
	case r.Method == http.MethodPost && isLogin(path):
		return replaceBaseURL(advertise, "well_known")
	}
	return nil
}

// isLogin reports whether path is /_matrix/client/{version}/login or register,
// whose answers may hold discovery information.
func isLogin(path string) bool {
	rest, ok := strings.CutPrefix(path, "/_matrix/client/")
	if !ok {
		return false
	}
	_, name, _ := strings.Cut(rest, "/")
	return name == "login" || name == "register"
}

// applyEdit runs e over the body of a good JSON answer. Whatever else the answer
// is, or becomes while it is read, passes unchanged.
func applyEdit(res *http.Response, e edit) {
	if e == nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Encoding") != "" {
		return
	}
	if t, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return
	}
	body := res.Body
	text, err := io.ReadAll(io.LimitReader(body, maxDiscovery+1))
	rest := io.Reader(body)
	if err != nil {
		rest = failingReader{err}
	}
	if err == nil && len(text) <= maxDiscovery {
		if edited, ok := e(text); ok {
			text = edited
			res.ContentLength = int64(len(text))
			res.Header.Set("Content-Length", strconv.Itoa(len(text)))
		}
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), rest), body}
}

// failingReader fails as the reader before it did.
type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
