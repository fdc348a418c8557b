package measure

import (
	"strings"

	"github.com/coapgw/coapgw/cborcodec"
)

// plainSize is the size of a body as CBOR with string keys, or as it is when it
// is not JSON.
func plainSize(body []byte, contentType string) (int, error) {
	if len(body) == 0 || !strings.HasPrefix(contentType, "application/json") {
		return len(body), nil
	}
	b, err := cborcodec.Plain(cborcodec.Limits{}).AppendCBOR(nil, body)
	return len(b), err
}
