package dialect

import (
	"slices"

	"github.com/coapgw/coapgw/cborcodec"
)

// Words are JSON values, strings and whole containers, that travel as their row's
// number: the first rows as simple values of one byte, the next as simple values of
// two (RFC 8949 §3.3), the rest under tagWord.
const (
	shortWords  = 19   // simple values 0…18
	itemHome    = 0xf3 // simple value 19: the home server's name
	firstLong   = 32   // simple values 20…31 are taken or reserved
	simpleWords = 243  // up to simple value 255
)

// wordIndex is the table of words read the other way.
type wordIndex struct {
	// rows is by the text of strings, items by the item of containers.
	rows, items map[string]uint64
	// maxText and maxItem are the lengths of the longest of both, in bytes.
	maxText, maxItem int
}

var words = indexWords(wordRows)

// indexWords encodes the containers, the inner ones first, so that an outer one
// is found with its inner ones replaced.
func indexWords(rows []string) wordIndex {
	x := wordIndex{rows: map[string]uint64{}, items: map[string]uint64{}}
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(rows[a]) - len(rows[b]) })
	m := &message{words: &x}
	codec := cborcodec.V1(cborcodec.Limits{}).Extended(m)
	for _, row := range order {
		text := rows[row]
		if text[0] == '"' {
			x.rows[text[1:len(text)-1]] = uint64(row)
			x.maxText = max(x.maxText, len(text)-2)
		}
	}
	for _, row := range order {
		if rows[row][0] == '"' {
			continue
		}
		item, err := codec.AppendCBOR(nil, []byte(rows[row]))
		if err != nil {
			panic("dialect: row of the words: " + err.Error())
		}
		x.items[string(item)] = uint64(row)
		x.maxItem = max(x.maxItem, len(item))
	}
	return x
}

// appendWord appends the number of a row.
func appendWord(dst []byte, row uint64) []byte {
	switch {
	case row < shortWords:
		return append(dst, majorSimple<<5|byte(row))
	case row < simpleWords:
		return append(dst, simpleTwo, byte(row-shortWords+firstLong))
	default:
		return appendHead(appendHead(dst, majorTag, tagWord), majorUint, row-simpleWords)
	}
}

// isWord says whether an item with this initial byte is a word.
func isWord(initial byte) bool {
	return initial >= majorSimple<<5 && initial < majorSimple<<5|shortWords ||
		initial == simpleTwo || initial == majorTag<<5|tagWord
}

// readWord returns the JSON text of a word.
func readWord(in *items) (text string, err error) {
	initial, _ := in.peek()
	row := uint64(0)
	switch initial {
	case simpleTwo:
		_, n, err := in.head()
		if err != nil {
			return "", err
		}
		if n < firstLong {
			return "", errItem
		}
		row = n - firstLong + shortWords
	case majorTag<<5 | tagWord:
		in.pos++
		n, err := in.uint()
		if err != nil {
			return "", err
		}
		if n >= uint64(len(wordRows)) {
			return "", errRow
		}
		row = n + simpleWords
	default:
		in.pos++
		row = uint64(initial & 31)
	}
	if row >= uint64(len(wordRows)) {
		return "", errRow
	}
	return wordRows[row], nil
}
