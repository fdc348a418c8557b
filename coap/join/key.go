package join

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"net/http"
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
	if a := r.Header["Authorization"]; len(a) == 1 && !strings.Contains(r.URL.RawQuery, "access_token") {
		token := a[0]
		if len(token) > len("Bearer ") && strings.EqualFold(token[:len("Bearer ")], "Bearer ") {
			token = token[len("Bearer "):]
		}
		return sha256.Sum256([]byte(token))
	}
	h := sha256.New()
	credentials := append(r.Header["Authorization"], r.URL.Query()["access_token"]...)
	if len(credentials) == 1 {
		return sha256.Sum256([]byte(credentials[0]))
	}
	for _, c := range credentials {
		writeField(h, c)
	}
	return digest(h.Sum(nil))
}

// keyOf names a request among all of all users.
func keyOf(user digest, r *http.Request, body []byte) digest {
	h := sha256.New()
	h.Write(user[:])
	writeField(h, r.Method)
	writeField(h, r.URL.RequestURI())
	for i, name := range asked {
		for _, value := range r.Header[name] {
			h.Write([]byte{byte(i)})
			writeField(h, value)
		}
	}
	h.Write([]byte{byte(len(asked))})
	h.Write(body)
	var key digest
	h.Sum(key[:0])
	return key
}

// writeField writes a length and a value, so that no two lists of values are alike.
func writeField(h hash.Hash, value string) {
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(value)))
	h.Write(size[:])
	io.WriteString(h, value)
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
