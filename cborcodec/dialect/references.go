package dialect

import "bytes"

// Referrer says for each identifier of a message that is encoded whether the peer
// knows it already. The codec asks in the order of the message, and calls Find
// before Insert. After an error of the codec the message is not to be sent.
type Referrer interface {
	// Find returns the reference for id, and false if the peer does not know it.
	// Small references are short: -24…23 take one byte.
	Find(id []byte) (ref int64, ok bool)
	// Insert says whether id, which travels in full now, is to be noted by both.
	Insert(id []byte) bool
	// Refresh says whether id, which ref stands for, is to be inserted anew, since it is in
	// use and its reference has become long.
	Refresh(id []byte, ref int64) bool
	// Note returns the note of the message that inserted what a reference stands for; nil
	// for none.
	Note(ref int64) *Note
	// Echo returns a reference to what was inserted with the request whose Body, or whose
	// Sorted, the JSON text begins with, and its length.
	Echo(json []byte) (ref int64, sorted bool, size int, ok bool)
}

// Resolver is the receiving side of a Referrer. What it notes becomes valid only
// with the whole message: an error of the codec cancels it.
type Resolver interface {
	// Resolve returns the identifier of a reference, and false if there is none.
	Resolve(ref int64) (id []byte, ok bool)
	// Inserted notes an identifier that came in full. The slice is valid only
	// during the call. An error refuses the message.
	Inserted(id []byte) error
	// Note is as of a Referrer.
	Note(ref int64) *Note
}

// maxIdentifier is the longest identifier that is referred to, in bytes, as the
// specification limits user IDs, room IDs, event IDs and aliases.
const maxIdentifier = 255

// isIdentifier says whether s has the form of an identifier: a sigil and a name
// without spaces, a media URI, or the ID of a device's key. Only such strings, and
// values that isNamedKey allows, are ever referred to, so that no text or secret of a message
// is kept.
func isIdentifier(s []byte) bool {
	if !isName(s) {
		return false
	}
	server := bytes.IndexByte(s, ':') > 0
	switch s[0] {
	case '@', '#':
		return server
	case '$', '!':
		// Without a server's name it is a hash.
		return server || len(s) == 1+base64URL.EncodedLen(idBytes)
	case 'm':
		_, ok := cutPrefix(s, "mxc://")
		return ok
	}
	return isDeviceKeyID(s)
}

// isDeviceKeyID says whether s is the ID of one of a device's two lasting keys. Signed
// keys are used once, and there are hundreds.
func isDeviceKeyID(s []byte) bool {
	_, ed25519 := cutPrefix(s, "ed25519:")
	_, curve25519 := cutPrefix(s, "curve25519:")
	return ed25519 || curve25519
}

// isNamedKey says whether a key's values are public names that come again: those of
// devices, of sessions of end-to-end encryption, of transactions, of places in a sync, and
// the keys and signatures of devices.
func isNamedKey(key []byte) bool {
	switch string(key) {
	case "device_id", "sender_key", "session_id", "transaction_id", "next_batch", "pos":
		return true
	}
	return isDeviceKeyID(key)
}

// minIdentifier is the shortest string that a reference shortens, in bytes.
const minIdentifier = 4

// isName says whether s may be referred to: printable ASCII without spaces, quotes
// or backslashes, of a length that is worth it.
func isName(s []byte) bool { return isNamed(s) && bytes.IndexByte(s, ' ') < 0 }

// isNamed is isName for what a key says to be a name: then it may hold spaces, as the
// transaction IDs of FluffyChat do.
func isNamed(s []byte) bool {
	if len(s) < minIdentifier || len(s) > maxIdentifier {
		return false
	}
	for _, c := range s {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
