package cborcodec

import (
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// decoder walks a CBOR data item and appends its JSON form.
type decoder struct {
	limits    *Limits
	extension Extension // nil for none
	in        reader
	dst       []byte
	base      int // length of dst before the call
	depth     int // open containers
	// twins lists the maps that hold integer keys together with their string twins.
	// The first walk fills it, the second consumes it in the order of offsets.
	twins []twins
	// drop leaves those integer keys out.
	drop bool
}

// twins names the integer keys of one map whose string twin is in it too.
type twins struct {
	offset int // of the map's head
	keys   keySet
}

// text decodes the whole input. The twin of an integer key may come at the end of
// its map, so a first walk only notes twins; only if there are any, which no sound
// encoder writes, a second walk drops the integer keys.
func (d *decoder) text() error {
	if err := d.walk(); err != nil || d.twins == nil {
		return err
	}
	slices.SortFunc(d.twins, func(a, b twins) int { return a.offset - b.offset })
	d.in.pos, d.dst, d.drop = 0, d.dst[:d.base], true
	return d.walk()
}

func (d *decoder) walk() error {
	if err := d.value(); err != nil {
		return err
	}
	if d.in.rest() > 0 {
		return syntaxError(d.in.pos, ReasonTrailing)
	}
	return nil
}

func (d *decoder) value() error {
	h, err := d.in.head()
	if err != nil {
		return err
	}
	if err := d.item(h); err != nil {
		return err
	}
	return d.limits.checkOutput(len(d.dst)-d.base, d.in.pos)
}

func (d *decoder) item(h head) error {
	switch h.major {
	case majorUint:
		d.dst = strconv.AppendUint(d.dst, h.arg, 10)
		return nil
	case majorNegative:
		d.dst = appendNegative(d.dst, h.arg)
		return nil
	case majorText:
		return d.string(h)
	case majorArray:
		return d.array(h)
	case majorMap:
		return d.object(h)
	case majorTag:
		return d.tagged(h)
	case majorSimple:
		return d.simple(h)
	default:
		return d.unknown(h, ReasonNoJSON)
	}
}

// unknown decodes an item that plain JSON does not need, which is an error without
// an extension.
func (d *decoder) unknown(h head, reason Reason) error {
	if d.extension == nil {
		return syntaxError(h.offset, reason)
	}
	return d.extended(h, false)
}

// simple decodes major type 7 (RFC 8949 §3.3).
func (d *decoder) simple(h head) error {
	switch h.info {
	case cborFalse & 31:
		d.dst = append(d.dst, "false"...)
	case cborTrue & 31:
		d.dst = append(d.dst, "true"...)
	case cborNull & 31:
		d.dst = append(d.dst, "null"...)
	case cborHalf & 31, cborSingle & 31, cborDouble & 31:
		f := h.float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return syntaxError(h.offset, ReasonNotFinite)
		}
		d.dst = appendFloatText(d.dst, f)
	case cborBreak & 31:
		return syntaxError(h.offset, ReasonReserved)
	default:
		return d.unknown(h, ReasonNoJSON)
	}
	return nil
}

// open enters a container. A head that announces more members than bytes are left is
// refused at once.
func (d *decoder) open(h head, bracket byte) error {
	if err := d.limits.checkDepth(d.depth, h.offset); err != nil {
		return err
	}
	if h.arg > uint64(d.in.rest()) {
		return syntaxError(len(d.in.src), ReasonTruncated)
	}
	d.depth++
	d.dst = append(d.dst, bracket)
	return nil
}

func (d *decoder) close(bracket byte) {
	d.depth--
	d.dst = append(d.dst, bracket)
}

func (d *decoder) array(h head) error {
	if err := d.open(h, '['); err != nil {
		return err
	}
	for done := uint64(0); ; done++ {
		more, err := d.in.more(h, done)
		if err != nil {
			return err
		}
		if !more {
			d.close(']')
			return nil
		}
		if done > 0 {
			d.dst = append(d.dst, ',')
		}
		if err := d.value(); err != nil {
			return err
		}
	}
}

func (d *decoder) object(h head) error {
	if err := d.open(h, '{'); err != nil {
		return err
	}
	var dropped keySet
	if d.drop && len(d.twins) > 0 && d.twins[0].offset == h.offset {
		dropped, d.twins = d.twins[0].keys, d.twins[1:]
	}
	var numbers, names keySet // rows of the key table met as integer and as string
	first := len(d.dst)
	for done := uint64(0); ; done++ {
		more, err := d.in.more(h, done)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		start := len(d.dst)
		if start > first {
			d.dst = append(d.dst, ',')
		}
		k, err := d.key()
		if err != nil {
			return err
		}
		d.dst = append(d.dst, ':')
		if err := d.value(); err != nil {
			return err
		}
		switch {
		case k.row == 0:
		case !k.integer:
			names.add(k.row)
		case dropped.has(k.row):
			d.dst = d.dst[:start]
		default:
			numbers.add(k.row)
		}
	}
	d.close('}')
	if both := numbers.intersect(names); !both.empty() {
		d.twins = append(d.twins, twins{h.offset, both})
	}
	return nil
}

// mapKey is what matters of a map key for the twin rule.
type mapKey struct {
	row     uint64 // row of the key table, 0 if it has none
	integer bool   // it was written as an integer
}

// key decodes a map key: text, an integer of the key table, or another integer,
// which becomes its decimal digits.
func (d *decoder) key() (mapKey, error) {
	h, err := d.in.head()
	if err != nil {
		return mapKey{}, err
	}
	start := len(d.dst)
	switch {
	case d.extension != nil:
		return mapKey{}, d.extendedKey(h)
	case h.major == majorUint:
		d.dst = append(d.dst, '"')
		name, ok := keyV1(h.arg)
		if !ok {
			d.dst = append(strconv.AppendUint(d.dst, h.arg, 10), '"')
			return mapKey{}, nil
		}
		d.dst = append(append(d.dst, name...), '"')
		return mapKey{row: h.arg, integer: true}, nil
	case h.major == majorNegative:
		d.dst = append(appendNegative(append(d.dst, '"'), h.arg), '"')
		return mapKey{}, nil
	case h.major == majorText:
		err = d.string(h)
	case h.major == majorTag && h.arg == tagWTF8:
		err = d.tagged(h)
	default:
		err = syntaxError(h.offset, ReasonKey)
	}
	if err != nil {
		return mapKey{}, err
	}
	// No key of the table needs an escape, so comparing behind escaping is sound.
	return mapKey{row: numbersV1[string(d.dst[start+1:len(d.dst)-1])]}, nil
}

// string decodes a text string, of definite length or in chunks, each of which must
// be valid on its own (RFC 8949 §3.2.3).
func (d *decoder) string(h head) error {
	d.dst = append(d.dst, '"')
	if !h.indefinite() {
		text, err := d.in.bytes(h.arg)
		if err != nil {
			return err
		}
		if err := d.chunk(text); err != nil {
			return err
		}
	} else {
		for {
			text, more, err := d.in.chunk(majorText)
			if err != nil {
				return err
			}
			if !more {
				break
			}
			if err := d.chunk(text); err != nil {
				return err
			}
		}
	}
	d.dst = append(d.dst, '"')
	return nil
}

// chunk appends text that ends at the reader's position.
func (d *decoder) chunk(text []byte) error {
	if !utf8.Valid(text) {
		return syntaxError(d.in.pos-len(text)+validPrefix(text), ReasonUTF8)
	}
	d.dst = appendEscaped(d.dst, text)
	return nil
}
