package join

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net/http"
	"slices"
	"strings"
)

// digest is a SHA-256: no client can find a request that is taken for another's.
type digest [sha256.Size]byte

// asked are the headers that change what is answered: conditions and choices of RFC
// 9110 §12.5, §13.1 and §14.2, credentials, and what describes the body. Others tell
// of the client or the hop, differ from one try to the next (Cache-Control, trace
// ids), and do not cross the link.
var asked = [...]string{
	"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cookie",
	"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Range",
	"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
}

// userOf names the user of a request: by its access token, which may stand in a
// header or in the query (CS API, "Using access tokens").
func userOf(r *http.Request) digest {
	credentials := r.Header["Authorization"]
	if strings.Contains(r.URL.RawQuery, "access_token") {
		credentials = slices.Concat(credentials, r.URL.Query()["access_token"])
	}
	if len(credentials) == 1 {
		const scheme = "Bearer "
		token := credentials[0]
		if len(token) > len(scheme) && strings.EqualFold(token[:len(scheme)], scheme) {
			token = token[len(scheme):]
		}
		return sha256.Sum256([]byte(token))
	}
	var text []byte
	for _, c := range credentials {
		text = appendField(text, c)
	}
	return sha256.Sum256(text)
}

// keyOf names a request among all of all users.
func keyOf(user digest, r *http.Request, body []byte) digest {
	content := sha256.Sum256(body)
	text := make([]byte, 0, 512)
	text = append(text, user[:]...)
	text = append(text, content[:]...)
	text = appendField(text, r.Method)
	text = appendField(text, r.URL.RequestURI())
	for i, name := range asked {
		for _, value := range r.Header[name] {
			text = appendField(append(text, byte(i)), value)
		}
	}
	return sha256.Sum256(text)
}

// appendField appends a length and a value, so that no two lists of values are alike.
func appendField(text []byte, value string) []byte {
	return append(binary.BigEndian.AppendUint64(text, uint64(len(value))), value...)
}

// maxRequest bounds the bodies of requests that are joined, in bytes; more than any
// event or message to devices has.
const maxRequest = 1 << 20

// takeBody reads the body of a request. When that is longer than maxRequest, it comes
// back as rest, from its first byte.
func takeBody(r *http.Request) (body []byte, rest io.ReadCloser, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil, nil
	}
	if r.ContentLength > maxRequest {
		return nil, r.Body, nil
	}
	var buf bytes.Buffer
	buf.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead) // at most maxRequest
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, maxRequest+1)); err != nil {
		r.Body.Close()
		return nil, nil, err
	}
	if buf.Len() > maxRequest {
		return nil, struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&buf, r.Body), r.Body}, nil
	}
	return buf.Bytes(), nil, r.Body.Close()
}
