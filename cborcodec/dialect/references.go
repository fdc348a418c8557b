package dialect

// Referrer says for each identifier of a message that is encoded whether the peer
// knows it already. The codec asks in the order of the message, and calls Find
// before Insert. After an error of the codec the message is not to be sent.
type Referrer interface {
	// Find returns the reference for id, and false if the peer does not know it.
	// Small references are short: -24…23 take one byte.
	Find(id []byte) (ref int64, ok bool)
	// Insert says whether id, which travels in full now, is to be noted by both.
	Insert(id []byte) bool
}

// Resolver is the receiving side of a Referrer. What it notes becomes valid only
// with the whole message: an error of the codec cancels it.
type Resolver interface {
	// Resolve returns the identifier of a reference, and false if there is none.
	Resolve(ref int64) (id []byte, ok bool)
	// Inserted notes an identifier that came in full. The slice is valid only
	// during the call. An error refuses the message.
	Inserted(id []byte) error
}

// maxIdentifier is the longest identifier that is referred to, in bytes, as the
// specification limits user IDs, room IDs, event IDs and aliases.
const maxIdentifier = 255

// isIdentifier says whether s has the form of an identifier. Only such strings are
// ever referred to, so that no text or secret of a message is kept: a sigil and a
// name without spaces, or a media URI.
func isIdentifier(s []byte) bool {
	if len(s) < 4 || len(s) > maxIdentifier {
		return false
	}
	switch s[0] {
	case '$', '!', '@', '#':
	default:
		if _, ok := cutPrefix(s, "mxc://"); !ok {
			return false
		}
	}
	server := false
	for _, c := range s[1:] {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
		server = server || c == ':'
	}
	// Without a server's name only a hash is an identifier.
	return server || (s[0] == '$' || s[0] == '!') && len(s) == 1+base64URL.EncodedLen(idBytes)
}
