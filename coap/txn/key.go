package txn

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Digest is a SHA-256: no client can find a request that is taken for another's.
type Digest [sha256.Size]byte

// User names the user of a request: by its access token, which may stand in a header or
// in the query (CS API, "Using access tokens").
func User(r *http.Request) Digest {
	credentials := credentials(r)
	if len(credentials) == 1 {
		const scheme = "Bearer "
		token := credentials[0]
		if len(token) > len(scheme) && strings.EqualFold(token[:len(scheme)], scheme) {
			token = token[len(scheme):]
		}
		return Token(token)
	}
	var text []byte
	for _, c := range credentials {
		text = AppendField(text, c)
	}
	return sha256.Sum256(text)
}

// Token names the user of requests that bear an access token alone, as User does.
func Token(token string) Digest { return sha256.Sum256([]byte(token)) }

// Authorized reports whether a request bears an access token, so that it has a User of
// its own.
func Authorized(r *http.Request) bool { return len(credentials(r)) > 0 }

func credentials(r *http.Request) []string {
	inQuery, _ := QueryTokens(r.URL.RawQuery)
	return slices.Concat(r.Header["Authorization"], inQuery)
}

// QueryTokens returns the access tokens that stand in a query (CS API, "Using access
// tokens"), however their name is escaped. plain is false where readers of queries may
// differ about which they are, because of what cannot be decoded or of ";", which separates
// arguments for some; such arguments come as they are.
func QueryTokens(query string) (tokens []string, plain bool) {
	const name = "access_token"
	if !strings.Contains(query, "token") && !strings.Contains(query, "%") {
		return nil, true // as nearly all
	}
	plain = true
	for arg := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(arg, "=")
		k, errKey := url.QueryUnescape(key)
		v, errValue := url.QueryUnescape(value)
		clean := errKey == nil && errValue == nil && !strings.Contains(arg, ";")
		switch {
		case clean && k == name:
			tokens = append(tokens, v)
		case !clean && strings.Contains(unescapeLoosely(arg), name):
			tokens, plain = append(tokens, arg), false
		}
	}
	return tokens, plain
}

// unescapeLoosely undoes the escapes of a query that there are, and leaves alone the rest.
func unescapeLoosely(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+2 < len(s) && s[i] == '%' {
			if c, err := url.QueryUnescape(s[i : i+3]); err == nil {
				b.WriteString(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Key names a request among all of all users: by user, method, path and query byte for
// byte, and body.
func Key(user Digest, r *http.Request, body []byte) Digest {
	content := sha256.Sum256(body)
	text := make([]byte, 0, 512)
	text = append(text, user[:]...)
	text = append(text, content[:]...)
	text = AppendField(text, r.Method)
	text = AppendField(text, r.URL.RequestURI())
	return sha256.Sum256(text)
}

// AppendField appends a length and a value, so that no two lists of values are alike.
func AppendField(text []byte, value string) []byte {
	return append(binary.BigEndian.AppendUint64(text, uint64(len(value))), value...)
}

// MaxBody bounds the bodies that TakeBody takes, in bytes; more than any event or message
// to devices has.
const MaxBody = 1 << 20

// TakeBody reads the body of a request. When that is longer than MaxBody, it comes back
// as rest, from its first byte.
func TakeBody(r *http.Request) (body []byte, rest io.ReadCloser, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil, nil
	}
	if r.ContentLength > MaxBody {
		return nil, r.Body, nil
	}
	var buf bytes.Buffer
	buf.Grow(int(max(r.ContentLength, 0)) + bytes.MinRead) // at most MaxBody
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, MaxBody+1)); err != nil {
		r.Body.Close()
		return nil, nil, err
	}
	if buf.Len() > MaxBody {
		return nil, struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&buf, r.Body), r.Body}, nil
	}
	return buf.Bytes(), nil, r.Body.Close()
}
