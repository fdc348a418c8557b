package cborcodec

// HasIntegerKeys says whether some map in cbor has an integer key, which shows that
// its sender knows the key table. It stops at the first one, allocates nothing, and
// answers false where the input is malformed or nests deeper than DefaultMaxDepth
// before such a key.
func HasIntegerKeys(cbor []byte) bool {
	f := keyFinder{in: reader{src: cbor}}
	f.item(0, false)
	return f.found
}

// keyFinder walks CBOR until it finds an integer key or cannot go on.
type keyFinder struct {
	in    reader
	found bool
}

// maxTags is how many tags and arrays a number takes that has tags: a decimal fraction, whose
// mantissa may be a bignum (RFC 8949 §3.4.4). The codec does not count them as containers.
const maxTags = 3

// item walks one data item, or a break, and says whether to go on. fraction says that it is the
// content of a decimal fraction.
func (f *keyFinder) item(depth int, fraction bool) bool {
	h, err := f.in.head()
	if err != nil {
		return false
	}
	switch h.major {
	case majorBytes, majorText:
		return f.string(h)
	case majorArray, majorMap:
		return (depth < DefaultMaxDepth || fraction) && f.container(h, depth+1)
	case majorTag:
		return depth < DefaultMaxDepth+maxTags && f.item(depth+1, h.arg == tagDecimalFraction)
	default:
		return true
	}
}

func (f *keyFinder) string(h head) bool {
	if !h.indefinite() {
		_, err := f.in.bytes(h.arg)
		return err == nil
	}
	for {
		_, more, err := f.in.chunk(h.major)
		if err != nil || !more {
			return err == nil
		}
	}
}

func (f *keyFinder) container(h head, depth int) bool {
	for done := uint64(0); ; done++ {
		more, err := f.in.more(h, done)
		if err != nil || !more {
			return err == nil
		}
		if h.major == majorMap {
			if f.integerKey() {
				f.found = true
				return false
			}
			if !f.item(depth, false) {
				return false
			}
		}
		if !f.item(depth, false) {
			return false
		}
	}
}

// integerKey says whether the next item is an integer. It consumes nothing.
func (f *keyFinder) integerKey() bool {
	return f.in.rest() > 0 && f.in.src[f.in.pos]>>5 <= majorNegative
}
