package dialect

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// Identity identifies the tables of both ends, which must be equal.
type Identity [8]byte

// Tables returns the identity of the tables that this package has: the first bytes
// of the SHA-256 of all rows in the order of their numbers, each with its length.
func Tables() Identity { return identity }

var identity = identify(keyRows, wordRows, argumentRows, routeRows, patternRows())

func identify(tables ...[]string) (id Identity) {
	h := sha256.New()
	for _, rows := range tables {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(rows))))
		for _, row := range rows {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(row))))
			h.Write([]byte(row))
		}
	}
	copy(id[:], h.Sum(nil))
	return id
}

// patternRows describes the patterns of transaction IDs.
func patternRows() []string {
	rows := make([]string, len(patterns))
	for i, p := range patterns {
		unit := "<ms>"
		if p.nanos {
			unit = "<ns>"
		}
		row := p.prefix + unit + p.infix + "<n>"
		if p.counterFirst {
			row = p.prefix + "<n>" + p.infix + unit
		}
		if p.named {
			row = "<name>" + row
		}
		switch p.drawn {
		case lotUUID:
			row = p.prefix + "<uuid>"
		case lotPlainUUID:
			row = p.prefix + "<uuid without hyphens>"
		case lotHex:
			row = p.prefix + "<14 hexadecimal digits>"
		}
		rows[i] = strconv.FormatUint(p.number, 10) + " " + row
	}
	return rows
}
