package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/coapgw/coapgw/internal/corpus"
)

// variation renames what identifies a recording, so that a model does not learn it:
// server names, users, opaque identifiers and times. The same name gets the same new
// one within a group, and another in each other group.
type variation struct{ group string }

var (
	servers = []string{
		"matrix.org", "example.org", "kde.org", "mozilla.org", "hs.boat.example", "matrix.uni-heidelberg.de",
		"synapse.local", "m.club-radio.fr", "chat.example.com", "talk.puerto.es", "matrix.kommune.no",
		"im.village.jp", "tchncs.de", "fosdem.org", "radio.example.net", "home.lan",
	}
	names = []string{
		"alice", "bob", "anna.k", "marie", "jose_luis", "k8vr", "dl1abc", "skipper", "peter.m", "sofia", "yuki",
		"olga_s", "bridge-bot", "weather", "tom", "lena", "ahmed", "ana", "piotr", "giulia", "hq", "ops-2",
	}
	token     = regexp.MustCompile(`(%[0-9A-Fa-f]{2})?[A-Za-z0-9_+/-]{15,}`)
	shape     = regexp.MustCompile(`^[^A-Z]*$|^[^a-z]*$|_matrix|client/v`)
	localpart = regexp.MustCompile(`@[a-z0-9._-]+:`)
	recorded  = regexp.MustCompile(`\b17953\d{8}\b`)
)

func (v variation) apply(line string) string {
	line = token.ReplaceAllStringFunc(line, func(s string) string {
		escape := ""
		if s[0] == '%' {
			escape, s = s[:3], s[3:]
		}
		if shape.MatchString(s) {
			return escape + s
		}
		return escape + v.opaque(s)
	})
	line = recorded.ReplaceAllStringFunc(line, func(s string) string {
		t, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return s
		}
		return strconv.FormatUint(t-v.number("time")%(3*365*86400*1000), 10)
	})
	line = localpart.ReplaceAllStringFunc(line, func(s string) string {
		return "@" + names[v.number(s)%uint64(len(names))] + ":"
	})
	return strings.ReplaceAll(line, corpus.RecordedServer, v.home())
}

// home is the name of the home server.
func (v variation) home() string { return servers[v.number("server")%uint64(len(servers))] }

// opaque replaces a string by another of its kind: base64 by base64 of as many bytes, in
// others each letter and digit.
func (v variation) opaque(s string) string {
	for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
		if b, err := encoding.Strict().DecodeString(s); err == nil {
			return v.base64(s, b, encoding)
		}
	}
	b := []byte(s)
	v.each(s, 0, b, func(c, r byte) byte {
		switch {
		case c >= 'a' && c <= 'z':
			return 'a' + (c-'a'+r)%26
		case c >= 'A' && c <= 'Z':
			return 'A' + (c-'A'+r)%26
		case c >= '0' && c <= '9':
			return '0' + (c-'0'+r)%10
		}
		return c
	})
	return string(b)
}

// base64 encodes other bytes than b, the decoded s. Where s has no digit that tells the
// alphabet, neither has the result.
func (v variation) base64(s string, b []byte, encoding *base64.Encoding) string {
	const telling = "+/-_"
	for try := 0; ; try++ {
		other := bytes.Clone(b)
		v.each(s, try, other, func(c, r byte) byte { return c ^ r })
		text := encoding.EncodeToString(other)
		if strings.ContainsAny(s, telling) || !strings.ContainsAny(text, telling) || try == maxTries {
			return text
		}
	}
}

// maxTries bounds the search for digits without an alphabet: long strings have none.
const maxTries = 200

// each replaces each byte by what f makes of it and of a byte that depends on s alone.
func (v variation) each(s string, try int, b []byte, f func(c, r byte) byte) {
	var stream [sha256.Size]byte
	for i, c := range b {
		if i%len(stream) == 0 {
			stream = sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d/%d", v.group, s, try, i))
		}
		b[i] = f(c, stream[i%len(stream)])
	}
}

func (v variation) number(of string) uint64 {
	sum := sha256.Sum256([]byte(v.group + "/" + of))
	return binary.BigEndian.Uint64(sum[:])
}
