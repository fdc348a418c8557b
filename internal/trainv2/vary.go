package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// variation renames what identifies a recording, so that a model does not learn it:
// server names, users, opaque identifiers and times. The same name gets the same new
// one within a group, and another in each other group.
type variation struct{ group string }

const recordedServer = "chat.nordlicht-verein.org"

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
	token     = regexp.MustCompile(`[A-Za-z0-9_+/-]{15,}`)
	shape     = regexp.MustCompile(`^[^A-Z]*$|^[^a-z]*$|_matrix|client/v`)
	localpart = regexp.MustCompile(`@[a-z0-9._-]+:`)
	recorded  = regexp.MustCompile(`\b17953\d{8}\b`)
)

func (v variation) apply(line string) string {
	line = token.ReplaceAllStringFunc(line, func(s string) string {
		if shape.MatchString(s) {
			return s
		}
		return v.opaque(s)
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
	return strings.ReplaceAll(line, recordedServer, servers[v.number("server")%uint64(len(servers))])
}

// opaque replaces each letter and digit by another of its kind.
func (v variation) opaque(s string) string {
	b := []byte(s)
	var stream [sha256.Size]byte
	for i, c := range b {
		if i%len(stream) == 0 {
			stream = sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", v.group, s, i))
		}
		r := stream[i%len(stream)]
		switch {
		case c >= 'a' && c <= 'z':
			b[i] = 'a' + (c-'a'+r)%26
		case c >= 'A' && c <= 'Z':
			b[i] = 'A' + (c-'A'+r)%26
		case c >= '0' && c <= '9':
			b[i] = '0' + (c-'0'+r)%10
		}
	}
	return string(b)
}

func (v variation) number(of string) uint64 {
	sum := sha256.Sum256([]byte(v.group + "/" + of))
	return binary.BigEndian.Uint64(sum[:])
}
