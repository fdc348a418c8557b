package endpoint

import (
	"encoding/binary"
	"slices"
)

// OptionNumber is a CoAP option number (RFC 7252 §12.2).
type OptionNumber uint16

// Options that the message layer itself knows, and those that RFC 7252 §5.10
// defines for requests and responses.
const (
	IfMatch       OptionNumber = 1
	URIHost       OptionNumber = 3
	ETag          OptionNumber = 4
	IfNoneMatch   OptionNumber = 5
	Observe       OptionNumber = 6 // RFC 7641 §2
	URIPort       OptionNumber = 7
	LocationPath  OptionNumber = 8
	URIPath       OptionNumber = 11
	ContentFormat OptionNumber = 12
	MaxAge        OptionNumber = 14
	URIQuery      OptionNumber = 15
	Accept        OptionNumber = 17
	QBlock1       OptionNumber = 19 // RFC 9177 §4.1
	LocationQuery OptionNumber = 20
	Block2        OptionNumber = 23 // RFC 7959 §2.1
	Block1        OptionNumber = 27 // RFC 7959 §2.1
	Size2         OptionNumber = 28 // RFC 7959 §4
	QBlock2       OptionNumber = 31 // RFC 9177 §4.1
	ProxyURI      OptionNumber = 35
	ProxyScheme   OptionNumber = 39
	Size1         OptionNumber = 60  // RFC 7252 §5.10.9, RFC 7959 §4
	Echo          OptionNumber = 252 // RFC 9175 §2.2
	RequestTag    OptionNumber = 292 // RFC 9175 §3.2
)

// Critical reports whether a receiver that does not know the option must refuse
// the message (RFC 7252 §5.4.1).
func (n OptionNumber) Critical() bool { return n&1 == 1 }

// Option is one option of a message. Its value is never modified by this package
// and must not be modified by the receiver of a message.
type Option struct {
	// Number is below 65,536, and Value has 1,034 bytes at most in any option that is
	// registered (RFC 7252 §5.10).
	Number OptionNumber
	Value  []byte
}

// Options are the options of one message in ascending order of number; options
// of the same number keep their order (RFC 7252 §3.1).
type Options []Option

// Add returns o with the option inserted behind those of the same number.
func (o Options) Add(n OptionNumber, value []byte) Options {
	i := len(o)
	for i > 0 && o[i-1].Number > n {
		i--
	}
	return slices.Insert(o, i, Option{n, value})
}

// AddString is Add with a string value.
func (o Options) AddString(n OptionNumber, value string) Options { return o.Add(n, []byte(value)) }

// AddUint is Add with an unsigned integer in its shortest form (RFC 7252 §3.2).
func (o Options) AddUint(n OptionNumber, value uint32) Options { return o.Add(n, encodeUint(value)) }

// Remove returns a copy of o without the options of that number.
func (o Options) Remove(n OptionNumber) Options {
	r := make(Options, 0, len(o))
	for _, opt := range o {
		if opt.Number != n {
			r = append(r, opt)
		}
	}
	return r
}

// Has reports whether an option of that number is present.
func (o Options) Has(n OptionNumber) bool { _, ok := o.Get(n); return ok }

// Get returns the value of the first option of that number.
func (o Options) Get(n OptionNumber) (value []byte, ok bool) {
	for _, opt := range o {
		if opt.Number == n {
			return opt.Value, true
		}
	}
	return nil, false
}

// GetAll returns the values of every option of that number in order.
func (o Options) GetAll(n OptionNumber) [][]byte {
	var r [][]byte
	for _, opt := range o {
		if opt.Number == n {
			r = append(r, opt.Value)
		}
	}
	return r
}

// GetUint returns the first option of that number as an unsigned integer; ok is
// false when it is absent or longer than four bytes.
func (o Options) GetUint(n OptionNumber) (value uint32, ok bool) {
	v, ok := o.Get(n)
	if !ok || len(v) > 4 {
		return 0, false
	}
	return DecodeUint(v), true
}

// encodeUint writes an option integer in its shortest form: 0 is empty
// (RFC 7252 §3.2).
func encodeUint(v uint32) []byte {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	i := 0
	for i < 4 && b[i] == 0 {
		i++
	}
	return append([]byte(nil), b[i:]...)
}

// DecodeUint reads an option integer of at most four bytes; leading zeros are
// accepted (RFC 7252 §3.2).
func DecodeUint(b []byte) uint32 {
	var v uint32
	for _, c := range b {
		v = v<<8 | uint32(c)
	}
	return v
}
