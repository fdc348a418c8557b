package cborcodec

import "bytes"

// tagged decodes an item under a tag (RFC 8949 §3.4). Tags without a JSON form are
// refused: to drop them would change what the sender said.
func (d *decoder) tagged(tag head) error {
	switch tag.arg {
	case tagPositiveBignum, tagNegativeBignum:
		return d.bignum(tag)
	case tagDecimalFraction:
		return d.decimalFraction(tag)
	case tagJSON:
		return d.numberText(tag)
	case tagWTF8:
		return d.wtf8(tag)
	default:
		return d.unknown(tag, ReasonTag)
	}
}

// content consumes the byte string under a tag. Chunks are refused here: no encoder
// of such short strings needs them.
func (d *decoder) content(tag head) ([]byte, error) {
	h, err := d.in.head()
	if err != nil {
		return nil, err
	}
	if h.major != majorBytes || h.indefinite() {
		return nil, syntaxError(tag.offset, ReasonTag)
	}
	return d.in.bytes(h.arg)
}

func (d *decoder) bignum(tag head) error {
	magnitude, err := d.content(tag)
	if err != nil {
		return err
	}
	magnitude = bytes.TrimLeft(magnitude, "\x00")
	if len(magnitude) > maxBignumBytes {
		return &LimitError{Offset: tag.offset, Limit: "Bignum", Max: maxBignumBytes}
	}
	d.dst = appendBignumText(d.dst, magnitude, tag.arg == tagNegativeBignum)
	return nil
}

// decimalFraction decodes [exponent, mantissa] (RFC 8949 §3.4.4).
func (d *decoder) decimalFraction(tag head) error {
	pair, err := d.in.head()
	if err != nil {
		return err
	}
	if pair.major != majorArray || pair.arg != 2 {
		return syntaxError(tag.offset, ReasonTag)
	}
	exponent, err := d.in.head()
	if err != nil {
		return err
	}
	if exponent.major != majorUint && exponent.major != majorNegative {
		return syntaxError(tag.offset, ReasonTag)
	}
	mantissa, err := d.in.head()
	if err != nil {
		return err
	}
	start := len(d.dst)
	switch {
	case mantissa.major == majorUint || mantissa.major == majorNegative:
		err = d.item(mantissa)
	case mantissa.major == majorTag && (mantissa.arg == tagPositiveBignum || mantissa.arg == tagNegativeBignum):
		err = d.bignum(mantissa)
	default:
		err = syntaxError(tag.offset, ReasonTag)
	}
	if err != nil {
		return err
	}
	d.dst = appendFractionText(d.dst, start, exponent.major == majorNegative, exponent.arg)
	return nil
}

// numberText decodes one number in embedded JSON.
func (d *decoder) numberText(tag head) error {
	text, err := d.content(tag)
	if err != nil {
		return err
	}
	// Scan in place, so that errors carry offsets of the input.
	s := scanner{src: d.in.src[:d.in.pos], pos: d.in.pos - len(text)}
	if len(text) == 0 || text[0] != '-' && !isDigit(text[0]) {
		return syntaxError(tag.offset, ReasonTag)
	}
	if _, err := s.number(); err != nil {
		return err
	}
	if s.pos != d.in.pos {
		return syntaxError(s.pos, ReasonNumber)
	}
	d.dst = append(d.dst, text...)
	return nil
}

func (d *decoder) wtf8(tag head) error {
	text, err := d.content(tag)
	if err != nil {
		return err
	}
	out, fault, ok := appendEscapedWTF8(append(d.dst, '"'), text)
	if !ok {
		return syntaxError(d.in.pos-len(text)+fault, ReasonUTF8)
	}
	d.dst = append(out, '"')
	return nil
}
