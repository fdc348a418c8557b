package cborcodec

// encoder walks a JSON text once and appends its CBOR form.
type encoder struct {
	codec *Codec
	in    scanner
	dst   []byte
	base  int // length of dst before the call
	depth int // open containers
}

// text encodes the whole input: one value and white space.
func (e *encoder) text() error {
	if err := e.value(); err != nil {
		return err
	}
	return e.in.end()
}

func (e *encoder) value() error {
	if err := e.item(); err != nil {
		return err
	}
	return e.codec.limits.checkOutput(len(e.dst)-e.base, e.in.pos)
}

func (e *encoder) item() error {
	switch c := e.in.peek(); c {
	case '{', '[':
		if x := e.codec.extension; x != nil {
			// Written as one item or not, it is as deep as any other.
			if err := e.codec.limits.checkDepth(e.depth, e.in.pos); err != nil {
				return err
			}
			if out, size := x.AppendContainer(e.dst, e.in.src[e.in.pos:]); size > 0 {
				e.dst = out
				e.in.pos += size
				return nil
			}
		}
		if c == '[' {
			return e.array()
		}
		return e.object()
	case '"':
		return e.string()
	case 't':
		e.dst = append(e.dst, cborTrue)
		return e.in.literal("true")
	case 'f':
		e.dst = append(e.dst, cborFalse)
		return e.in.literal("false")
	case 'n':
		e.dst = append(e.dst, cborNull)
		return e.in.literal("null")
	default:
		if c != '-' && !isDigit(c) {
			return e.in.unexpected()
		}
		number, err := e.in.number()
		if err != nil {
			return err
		}
		if x := e.codec.extension; x != nil && number.integer {
			if out, ok := x.AppendInteger(e.dst, number.text); ok {
				e.dst = out
				return nil
			}
		}
		e.dst = appendNumber(e.dst, number, e.codec.untagged)
		return nil
	}
}

// open enters a container and leaves one byte for its head.
func (e *encoder) open() (at int, err error) {
	if err := e.codec.limits.checkDepth(e.depth, e.in.pos); err != nil {
		return 0, err
	}
	e.depth++
	e.in.pos++
	e.dst = append(e.dst, 0)
	return len(e.dst) - 1, nil
}

// close leaves the container whose head is at dst[at].
func (e *encoder) close(at int, major byte, members int) {
	e.depth--
	e.in.pos++
	e.dst = sealContainer(e.dst, at, major, members)
	if x := e.codec.extension; x != nil {
		e.dst = x.Seal(e.dst, at)
	}
}

func (e *encoder) array() error {
	at, err := e.open()
	if err != nil {
		return err
	}
	members := 0
	for e.in.peek() != ']' {
		if members > 0 {
			if err := e.in.expect(','); err != nil {
				return err
			}
		}
		if err := e.value(); err != nil {
			return err
		}
		members++
	}
	e.close(at, majorArray, members)
	return nil
}

func (e *encoder) object() error {
	at, err := e.open()
	if err != nil {
		return err
	}
	members := 0
	for e.in.peek() != '}' {
		if members > 0 {
			if err := e.in.expect(','); err != nil {
				return err
			}
		}
		if err := e.key(); err != nil {
			return err
		}
		if err := e.in.expect(':'); err != nil {
			return err
		}
		if err := e.value(); err != nil {
			return err
		}
		members++
	}
	e.close(at, majorMap, members)
	return nil
}

// key encodes a member's name: an integer if the table has it, however it is
// escaped.
func (e *encoder) key() error {
	if e.in.peek() != '"' {
		return e.in.unexpected()
	}
	token, err := e.in.string()
	if err != nil {
		return err
	}
	name := token.raw
	if token.escaped() {
		// Unescape behind the output, where appendString would put it anyway.
		name = appendUnescaped(e.dst, token.raw)[len(e.dst):]
	}
	n, listed := e.codec.numbers[string(name)]
	if x := e.codec.extension; x != nil {
		if token.escaped() {
			x.SkipKey(name)
		} else if out, ok := x.AppendKey(e.dst, name, listed); ok {
			e.dst = out
			return nil
		}
	}
	if listed {
		e.dst = appendHead(e.dst, majorUint, n)
		return nil
	}
	e.dst = appendString(e.dst, token)
	return nil
}

func (e *encoder) string() error {
	token, err := e.in.string()
	if err != nil {
		return err
	}
	if x := e.codec.extension; x != nil && !token.surrogates {
		var out []byte
		var ok bool
		if token.escaped() {
			out, ok = x.AppendEscaped(e.dst, token.raw)
		} else {
			out, ok = x.AppendString(e.dst, token.raw)
		}
		if ok {
			e.dst = out
			return nil
		}
	}
	e.dst = appendString(e.dst, token)
	return nil
}

// appendString appends a string token as text, or as WTF-8 under its tag.
func appendString(dst []byte, token stringToken) []byte {
	if token.surrogates {
		dst = appendHead(dst, majorTag, tagWTF8)
		dst = appendHead(dst, majorBytes, uint64(token.size))
		return appendUnescaped(dst, token.raw)
	}
	dst = appendHead(dst, majorText, uint64(token.size))
	if !token.escaped() {
		return append(dst, token.raw...)
	}
	return appendUnescaped(dst, token.raw)
}
