package stream

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/coapgw/coapgw/cborcodec"
)

// field is one that a client has chosen.
type field struct {
	name string
	// key is how the name is written: an integer of MSC3079 where there is one.
	key []byte
	// outer: it is a member of the event, and not of its content.
	outer bool
}

// outerNames are the members of an event (CS API, "Room event format"); all other names
// are of its content.
var outerNames = []string{"content", "event_id", "origin_server_ts", "redacts", "sender", "state_key", "type", "unsigned"}

// plain is for peers of which only RFC 8949's plain items are known to be understood.
var plain = cborcodec.V1(cborcodec.Limits{MaxInput: maxValue, MaxOutput: 2 * maxValue}).Untagged()

// maxValue is the longest JSON text of a field that is looked at, in bytes: the length of a
// whole event (CS API, "Size limits").
const maxValue = 64 << 10

// defaultFields are those of a client that chooses none. They are no variable, which a client
// would link that has no streams.
func defaultFields() []field { return mustFields("sender", "body") }

func mustFields(names ...string) (fields []field) {
	for _, name := range names {
		f, ok := fieldOf(name)
		if !ok {
			panic("stream: no such field: " + name)
		}
		fields = append(fields, f)
	}
	return fields
}

// fieldOf reads the name of a field, or its integer key.
func fieldOf(text string) (field, bool) {
	name := text
	if strings.Trim(text, "0123456789") == "" {
		n, err := strconv.ParseUint(text, 10, 16)
		var ok bool
		if name, ok = nameOf(n); !ok || err != nil {
			return field{}, false
		}
	}
	if !isName(name) {
		return field{}, false
	}
	quoted, err := json.Marshal(map[string]int{name: 0})
	if err != nil {
		return field{}, false
	}
	member, err := plain.AppendCBOR(nil, quoted)
	if err != nil || len(member) < 3 {
		return field{}, false
	}
	// A map of one member (a1), its key, and 0.
	return field{name: name, key: member[1 : len(member)-1], outer: slices.Contains(outerNames, name)}, true
}

// nameOf is the name that an integer key of MSC3079 stands for.
func nameOf(key uint64) (name string, ok bool) {
	text, err := plain.AppendJSON(nil, append(appendUint([]byte{0xa1}, key), 0))
	var member map[string]int
	if err != nil || json.Unmarshal(text, &member) != nil {
		return "", false
	}
	for name := range member {
		if name != strconv.FormatUint(key, 10) { // what has no name comes back as it is
			return name, true
		}
	}
	return "", false
}

// Heads of data items (RFC 8949 §3.1).
const (
	majorUint  = 0 << 5
	majorBytes = 2 << 5
	majorText  = 3 << 5
	majorMap   = 5 << 5
)

func appendUint(b []byte, n uint64) []byte { return appendHead(b, majorUint, n) }

// appendHead appends the head of a data item in its shortest form (RFC 8949 §4.2.1).
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

// headSize is the length of a head.
func headSize(n int) int {
	switch {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	}
	return 5
}
