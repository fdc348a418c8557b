package endpoint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// heads notes what there is of each request when it is admitted, and answers with its
// body.
type heads struct {
	heads [][]byte
	lives []uint8
}

func (h *heads) Admit(r *Request) func(context.Context) *Response {
	h.heads = append(h.heads, r.Head())
	h.lives = append(h.lives, r.Life())
	return func(context.Context) *Response {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return &Response{Code: BadRequest}
		}
		return &Response{Code: Content, Body: bytes.NewReader(body), Size: int64(len(body))}
	}
}

// TestHead: when a request is admitted the first block can be looked at, and reading the
// body begins with it all the same.
func TestHead(t *testing.T) {
	h := &heads{}
	climb(t, blocks(64, h), func(l *ladder) {
		l.run(`
			> CON GET #0001 t=01
			< ACK 2.05 #0001 t=01
			> CON FETCH #0002 t=02 "what"
			< ACK 2.05 #0002 t=02 "what"
			> CON FETCH #0003 t=03 Block1=0/1/16 [0:16]
			< ACK 2.31 #0003 t=03 Block1=0/1/16
			> CON FETCH #0004 t=03 Block1=1/0/16 [16:20]
			< ACK 2.05 #0004 t=03 Block1=1/0/16 [0:20]
			> CON FETCH #0005 t=05 Block1=0/0/16 [0:4]
			< ACK 2.05 #0005 t=05 Block1=0/0/16 [0:4]
		`)
		l.conn.SetPeer(testProfile())
		l.run(`
			> NON FETCH #0006 t=06 QBlock1=1/1/16 [16:32]
			> NON FETCH #0007 t=06 QBlock1=0/1/16 [0:16]
			> CON FETCH #0008 t=06 QBlock1=2/0/16 [32:40]
			< ACK 2.05 #0008 t=06 [0:40]
		`)
		body := testBody(64)
		assert.Equal(t, [][]byte{nil, []byte("what"), body[:16], body[:4], body[:16]}, h.heads)
	})
}

// TestLife: a server tells the lives of a client apart.
func TestLife(t *testing.T) {
	for lives, want := range map[uint32]uint8{0: 0, 1: 1, 2: 2, 255: 255, 256: 1} {
		t.Run(fmt.Sprint(lives), func(t *testing.T) {
			h := &heads{}
			client := Config{Profile: testProfile(), Lives: lives}
			together(t, client, Config{Profile: testProfile(), Handler: h}, perfect, func(t *testing.T, client, _ *Conn) {
				for range 300 { // tokens of all lengths
					_, err := client.Do(t.Context(), get("x"))
					require.NoError(t, err)
				}
				for range 100 { // all short tokens are taken or rest
					client.mu.Lock()
					tok := client.tokens.take(0)
					client.mu.Unlock()
					require.Equal(t, want, (&Request{token: tok.bytes()}).Life())
				}
				for _, life := range h.lives {
					require.Equal(t, want, life)
				}
			})
		})
	}
	assert.Zero(t, (&Request{}).Life(), "no token")
	assert.EqualValues(t, 0x4a, (&Request{token: []byte{0x4a, 1, 2, 3, 4, 5, 6, 7}}).Life())
}
