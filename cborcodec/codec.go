package cborcodec

// Codec converts between JSON and CBOR. It is immutable and safe for concurrent
// use; it keeps nothing between calls.
type Codec struct {
	limits Limits
	// numbers maps keys to the integers written for them; nil writes strings.
	numbers map[string]uint64
	// untagged prefers CBOR that every peer reads to the exact text of numbers.
	untagged bool
	// extension writes and reads items of its own; nil for none.
	extension Extension
}

// V1 returns the codec of version 1: integer keys by MSC3079, and numbers that keep
// their text. It is the codec between two coapgw.
func V1(l Limits) *Codec {
	return &Codec{limits: l.withDefaults(), numbers: numbersV1}
}

// Plain returns a codec for peers that did not negotiate integer keys: keys are
// written as strings, and numbers as Untagged writes them. It reads what V1 reads,
// integer keys included.
func Plain(l Limits) *Codec {
	return &Codec{limits: l.withDefaults(), untagged: true}
}

// Untagged returns a codec like c for peers that may not know tags: a number is
// written as the plain integer or float of equal value if there is one, so that
// 1.0 and 1e0 become 1, and 2.50 becomes 2.5. Only numbers and strings that no
// plain item holds exactly still carry a tag.
func (c *Codec) Untagged() *Codec {
	u := *c
	u.untagged = true
	return &u
}

// Within returns a codec like c of which no call has an output longer than max bytes.
func (c *Codec) Within(max int) *Codec {
	w := *c
	w.limits.MaxOutput = min(w.limits.MaxOutput, max)
	return &w
}

// AppendCBOR appends the CBOR form of one JSON text to dst and returns the longer
// slice. dst and json must not overlap. The error is a *SyntaxError or a
// *LimitError; dst then comes back with its old length.
func (c *Codec) AppendCBOR(dst, json []byte) ([]byte, error) {
	if err := c.limits.checkInput(len(json)); err != nil {
		return dst, err
	}
	e := encoder{codec: c, in: scanner{src: json}, dst: dst, base: len(dst)}
	if err := e.text(); err != nil {
		return dst, err
	}
	return e.dst, nil
}

// AppendJSON appends the JSON form of one CBOR data item to dst, without white
// space and with no more escapes than RFC 8259 §7 demands, and returns the longer
// slice. dst and cbor must not overlap. The error is a *SyntaxError or a
// *LimitError; dst then comes back with its old length.
func (c *Codec) AppendJSON(dst, cbor []byte) ([]byte, error) {
	if err := c.limits.checkInput(len(cbor)); err != nil {
		return dst, err
	}
	d := decoder{limits: &c.limits, extension: c.extension, in: reader{src: cbor}, dst: dst, base: len(dst)}
	if err := d.text(); err != nil {
		return dst, err
	}
	return d.dst, nil
}
