package dialect

// AppendJSON implements cborcodec.Extension.
func (m *message) AppendJSON(dst, src []byte, key bool) (out []byte, size int, err error) {
	in := items{src: src}
	out, err = m.appendJSON(dst, &in, key)
	if err != nil {
		return dst, 0, asFormatError(err)
	}
	return out, in.pos, nil
}

func (m *message) appendJSON(dst []byte, in *items, key bool) ([]byte, error) {
	start := in.pos
	initial, _ := in.peek()
	switch {
	case key && initial>>5 == majorNegative:
		_, n, err := in.head()
		if err != nil {
			return dst, err
		}
		if n >= uint64(len(keyRows)) {
			return dst, errRow
		}
		return append(append(append(dst, '"'), keyRows[n]...), '"'), nil
	case initial == majorTag<<5|tagTime:
		in.pos++
		if underKey(dst, "age") {
			return m.appendAgeText(dst, in)
		}
		return m.clock.appendText(dst, in)
	case initial == itemUndefined && !key:
		in.pos++
		return m.appendKnownText(dst)
	case initial == majorTag<<5|24 && !key && in.rest() > 1 && in.src[in.pos+1] == tagMarkup:
		in.pos += 2
		return m.appendMarkupText(dst, in)
	case initial == majorTag<<5|24 && !key && in.rest() > 1 && in.src[in.pos+1] != tagPosition:
		return m.appendContainerText(dst, in)
	case isWord(initial):
		text, err := readWord(in)
		if err != nil || text[0] != '"' {
			return append(dst, text...), err
		}
	}
	in.pos = start
	m.inKey = key
	out, err := m.appendText(append(dst, '"'), in)
	m.inKey = false
	if err != nil {
		return dst, err
	}
	return append(out, '"'), nil
}

// appendText appends the string that an item stands for.
func (m *message) appendText(dst []byte, in *items) ([]byte, error) {
	initial, ok := in.peek()
	switch {
	case !ok:
		return dst, errTruncated
	case initial == itemHome:
		if m.home == "" {
			return dst, errContent
		}
		in.pos++
		return append(dst, m.home...), nil
	case isWord(initial):
		text, err := readWord(in)
		if err != nil {
			return dst, err
		}
		if text[0] != '"' {
			return dst, errItem
		}
		return append(dst, text[1:len(text)-1]...), nil
	}
	major, n, err := in.head()
	if err != nil {
		return dst, err
	}
	switch major {
	case majorText:
		s, err := in.take(n)
		return append(dst, s...), err
	case majorBytes:
		s, err := in.take(n)
		return base64URL.AppendEncode(append(dst, '$'), s), err
	case majorTag:
		return m.appendTagged(dst, in, n)
	default:
		return dst, errItem
	}
}

// appendTagged appends the string that an item under a tag stands for.
func (m *message) appendTagged(dst []byte, in *items, tag uint64) ([]byte, error) {
	switch tag {
	case tagInsert:
		return m.appendInserted(dst, in)
	case tagReference:
		return m.appendReferenceText(dst, in)
	case tagDecimal:
		return m.streams.appendDecimalText(dst, in)
	case tagStream:
		return m.streams.appendText(append(dst, 's'), in)
	case tagTopological:
		return m.streams.appendText(append(dst, 't'), in)
	case tagPosition:
		return m.streams.appendPositionText(dst, in)
	case tagTransaction:
		return m.appendTransactionText(dst, in)
	default:
		return m.appendTypedText(dst, in, tag)
	}
}

// appendInserted appends the identifier under an insertion, and notes it.
func (m *message) appendInserted(dst []byte, in *items) ([]byte, error) {
	if m.x == nil || m.x.Solve == nil {
		return dst, errContent
	}
	if initial, ok := in.peek(); ok && initial == majorTag<<5|tagInsert {
		return dst, errContent
	}
	start := len(dst)
	dst, err := m.appendText(dst, in)
	if err != nil {
		return dst, err
	}
	if n := len(dst) - start; n == 0 || n > maxIdentifier {
		return dst, errContent
	}
	if err := m.x.Solve.Inserted(dst[start:]); err != nil {
		return dst, err
	}
	m.speakOf(dst[start:])
	return dst, nil
}
