package join

import (
	"crypto/sha256"
	"net/http"

	"github.com/coapgw/coapgw/coap/txn"
)

// digest names a user or a request.
type digest = txn.Digest

// asked are the headers that change what is answered: conditions and choices of RFC
// 9110 §12.5, §13.1 and §14.2, credentials, and what describes the body. Others tell
// of the client or the hop, differ from one try to the next (Cache-Control, trace
// ids), and do not cross the link.
var asked = [...]string{
	"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cookie",
	"Content-Type", "Content-Encoding", "Content-Disposition", "Content-Range",
	"Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
}

// keyOf names a request among all of all users.
func keyOf(user digest, r *http.Request, body []byte) digest {
	key := txn.Key(user, r, body)
	text := append(make([]byte, 0, 512), key[:]...)
	for i, name := range asked {
		for _, value := range r.Header[name] {
			text = txn.AppendField(append(text, byte(i)), value)
		}
	}
	return sha256.Sum256(text)
}
