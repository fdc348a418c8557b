package traffic

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
)

// source is a stream of chance that its name fixes.
type source struct{ *rand.Rand }

func newSource(name string) source {
	sum := sha256.Sum256([]byte("traffic/" + name))
	return source{rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:])))}
}

// percent is true in p of 100 cases.
func (s source) percent(p int) bool { return s.IntN(100) < p }

// between is a number from low to high, both included.
func (s source) between(low, high int) int { return low + s.IntN(high-low+1) }

// span is between for times and counters.
func (s source) span(low, high int64) int64 { return low + s.Int64N(high-low+1) }

func (s source) bytes(n int) []byte {
	b := make([]byte, (n+7)/8*8)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], s.Uint64())
	}
	return b[:n]
}

// base64 is n random bytes as unpadded base64, as keys and signatures are written.
func (s source) base64(n int) string { return base64.RawStdEncoding.EncodeToString(s.bytes(n)) }

// base64url is n random bytes as unpadded URL-safe base64, as event IDs are written.
func (s source) base64url(n int) string { return base64.RawURLEncoding.EncodeToString(s.bytes(n)) }

func (s source) hex(n int) string { return hex.EncodeToString(s.bytes(n)) }

const (
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	decimal = "0123456789"
)

// letters is n characters out of an alphabet.
func (s source) letters(n int, alphabet string) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[s.IntN(len(alphabet))])
	}
	return b.String()
}

// uuid is a random UUID of version 4.
func (s source) uuid() string {
	b := s.bytes(16)
	b[6], b[8] = b[6]&15|64, b[8]&63|128
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func pick[T any](s source, from []T) T { return from[s.IntN(len(from))] }

// choice is one thing to do and how often.
type choice[T any] struct {
	weight int
	what   T
}

func choose[T any](s source, from []choice[T]) T {
	total := 0
	for _, c := range from {
		total += c.weight
	}
	n := s.IntN(total)
	for _, c := range from {
		if n -= c.weight; n < 0 {
			return c.what
		}
	}
	panic("traffic: no choice")
}

// bag gives each of its things once, in random order, before it gives one again.
type bag struct {
	all  []string
	left []string
}

func (b *bag) next(s source) string {
	if len(b.left) == 0 {
		b.left = append(b.left, b.all...)
		s.Shuffle(len(b.left), func(i, j int) { b.left[i], b.left[j] = b.left[j], b.left[i] })
	}
	last := len(b.left) - 1
	v := b.left[last]
	b.left = b.left[:last]
	return v
}
