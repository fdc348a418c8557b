package dialect

// Style is how a client has written its last request with a transaction ID. It does not
// change what is written: the coder expects the same again.
type Style struct {
	// Form is the form of the target, 0 for none.
	Form uint8
	// Txn is the kind of the transaction ID: 0 before the first one, 1 and the number of the
	// pattern (the first of a UUID's four), txnTagged and the tag of another string, or
	// txnOther.
	Txn uint8
}

// Kinds of transaction IDs that have no pattern.
const (
	txnOther  = 63 // text, and what else has no tag
	txnTagged = 64
)

// Styles returns those of the clients that are known, for who has not seen the last request
// of one.
func Styles() []Style {
	var all []Style
	for _, form := range [...]uint8{1, 0, 2} { // the commonest first
		for row := range patterns {
			all = append(all, Style{form, uint8(1 + patterns[row].number)})
		}
		for _, tag := range [...]uint8{tagDecimal, tagUUID, tagHex} {
			all = append(all, Style{form, txnTagged + tag})
		}
		all = append(all, Style{form, txnOther})
	}
	return append(all, Style{})
}

// with is the style behind a request with a form whose transaction ID is this item. A
// reference says nothing of how the ID looks.
func (y Style) with(form uint8, item []byte) Style {
	y.Form = form
	in := items{src: item}
	if initial, ok := in.peek(); ok && initial == majorTag<<5|tagInsert {
		in.pos++
	}
	major, tag, err := in.head()
	switch {
	case err == nil && major == majorTag && tag == tagReference:
	case err == nil && major == majorTag && tag == tagTransaction:
		_, _, _ = in.head() // the array
		if number, err := in.uint(); err == nil {
			if p, _, ok := patternOf(number); ok {
				y.Txn = uint8(1 + p.number)
			}
		}
	case err == nil && major == majorTag && tag < txnTagged:
		y.Txn = uint8(txnTagged + tag)
	default:
		y.Txn = txnOther
	}
	return y
}
