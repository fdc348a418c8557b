package dialect

// lot is how what is drawn by lot is written.
type lot uint8

const (
	lotNone      lot = iota
	lotUUID          // a UUID of version 4 (RFC 9562 §5.4)
	lotPlainUUID     // the same without hyphens
	lotHex           // lotBytes as hexadecimal digits
)

// lotBytes are those of lotHex: the random numbers of JavaScript have 53 bits.
const lotBytes = 7

// Six bits of a UUID of version 4 are always the same (RFC 9562 §5.4). Of the others two
// are in the number of the pattern, and uuidLot bytes follow: those of the UUID, of which
// byte uuidVersion has the lower halves of itself and of byte uuidVariant, which is left out.
const (
	uuidNumbers = 4
	uuidLot     = uuidBytes - 1
	uuidVersion = 6
	uuidVariant = 8
)

// numbers is how many numbers a pattern of the kind has.
func (l lot) numbers() uint64 {
	if l == lotUUID || l == lotPlainUUID {
		return uuidNumbers
	}
	return 1
}

// fits says whether s is written so.
func (l lot) fits(s []byte) bool {
	switch l {
	case lotUUID:
		return isUUID(s) && s[14] == '4' && isVariant(s[19])
	case lotPlainUUID:
		return len(s) == 2*uuidBytes && isLowerHex(s) && s[2*uuidVersion] == '4' && isVariant(s[2*uuidVariant])
	default:
		return len(s) == 2*lotBytes && isLowerHex(s)
	}
}

// isVariant says whether a digit has the variant of RFC 9562 §4.1.
func isVariant(c byte) bool { return c == '8' || c == '9' || c == 'a' || c == 'b' }

func isLowerHex(s []byte) bool {
	for _, c := range s {
		if kinds[c]&(hasDigit|hasHexLetter) == 0 {
			return false
		}
	}
	return true
}

// append appends number and content of what fits.
func (l lot) append(dst []byte, number uint64, s []byte) []byte {
	if l == lotHex {
		return appendHexBytes(appendHead(dst, majorUint, number), s)
	}
	var scratch [1 + uuidBytes]byte
	u := appendHexBytes(scratch[:0], s)[1:]
	dst = appendHead(dst, majorUint, number+uint64(u[uuidVariant]>>4&3))
	u[uuidVersion] = u[uuidVersion]<<4 | u[uuidVariant]&15
	dst = append(dst, majorBytes<<5|uuidLot)
	return append(append(dst, u[:uuidVariant]...), u[uuidVariant+1:]...)
}

// appendText appends what was drawn. above is how far the number is above that of the
// pattern.
func (l lot) appendText(dst []byte, in *items, above byte) ([]byte, error) {
	major, b, err := in.string()
	if err != nil {
		return dst, err
	}
	switch {
	case major != majorBytes:
		return dst, errContent
	case l == lotHex && len(b) == lotBytes:
		return appendHexText(dst, b), nil
	case l != lotHex && len(b) == uuidLot:
		var u [uuidBytes]byte
		copy(u[:uuidVariant], b)
		copy(u[uuidVariant+1:], b[uuidVariant:])
		u[uuidVariant] = 0x80 | above<<4 | b[uuidVersion]&15
		u[uuidVersion] = 0x40 | b[uuidVersion]>>4
		if l == lotUUID {
			return appendUUIDText(dst, u[:]), nil
		}
		return appendHexText(dst, u[:]), nil
	default:
		return dst, errContent
	}
}
