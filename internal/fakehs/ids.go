package fakehs

import (
	crand "crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// idSource makes identifiers and tokens of the lengths that real homeservers use, because lengths are what a gateway for
// slow links is measured by.
type idSource struct{ chacha *rand.ChaCha8 }

// newIDSource returns a repeatable source, or one that cannot be predicted when seed is 0.
func newIDSource(seed uint64) *idSource {
	var key [32]byte
	if seed == 0 {
		_, _ = crand.Read(key[:]) // never fails, see its documentation
	} else {
		binary.LittleEndian.PutUint64(key[:], seed)
	}
	return &idSource{rand.NewChaCha8(key)}
}

func (s *idSource) text(alphabet string, n int) string {
	r := rand.New(s.chacha)
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(out)
}

// hash looks like 32 bytes in unpadded base64url: 43 characters.
func (s *idSource) hash() string {
	var b [32]byte
	_, _ = s.chacha.Read(b[:]) // never fails, see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (s *idSource) event() string             { return "$" + s.hash() }
func (s *idSource) token() string             { return s.hash() }
func (s *idSource) room(server string) string { return "!" + s.text(letters, 18) + ":" + server }
func (s *idSource) device() string            { return s.text(upper, 10) }
func (s *idSource) media() string             { return s.text(letters, 24) }
func (s *idSource) session() string           { return s.text(letters, 24) }

// position is a point in the three streams that a client follows. As text it is a sync token.
type position struct {
	events  int64 // room events
	updates int64 // typing, receipts, account data, presence, device lists
	inbox   int64 // to-device messages
}

func (p position) String() string { return fmt.Sprintf("s%d_%d_%d", p.events, p.updates, p.inbox) }

// parsePosition reads a sync token that this server gave out, and so one that is not ahead of now.
func (s *Server) parsePosition(token string) (position, error) {
	fields := strings.Split(strings.TrimPrefix(token, "s"), "_")
	if len(fields) != 3 || !strings.HasPrefix(token, "s") {
		return position{}, invalid("not a sync token")
	}
	var n [3]int64
	for i, limit := range [3]int64{s.now.events, s.now.updates, s.now.inbox} {
		v, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil || v < 0 || v > limit {
			return position{}, invalid("not a sync token of this server")
		}
		n[i] = v
	}
	return position{n[0], n[1], n[2]}, nil
}

// pageToken names the gap after a room event, for pagination.
func pageToken(after int64) string { return "t" + strconv.FormatInt(after, 10) }

// parsePage reads a page token or the event part of a sync token.
func parsePage(token string) (int64, error) {
	number, _, _ := strings.Cut(strings.TrimLeft(token, "st"), "_")
	after, err := strconv.ParseInt(number, 10, 64)
	if err != nil || after < 0 {
		return 0, invalid("not a pagination token")
	}
	return after, nil
}
