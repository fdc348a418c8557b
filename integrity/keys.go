package integrity

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
)

// keySize is the length of every key that is derived, in bytes.
const keySize = sha256.Size

// labels say what a derived key is for; none is good for anything else.
const (
	labelHello   = "hello"
	labelWelcome = "welcome"
	labelReset   = "reset"
	labelUp      = "up"
	labelDown    = "down"
)

// derive makes a key from a station's own by HKDF-SHA-256 (RFC 5869); salt is the
// nonces of a session, or nothing.
func derive(station Station, salt []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, station.Key, salt, "coapgw integrity 1 "+label+" "+station.Call, keySize)
	if err != nil {
		panic(err) // the length is far below what HKDF can make
	}
	return key
}

// stationKeys are the keys of a station that belong to no session.
type stationKeys struct{ hello, welcome, reset []byte }

func newStationKeys(s Station) stationKeys {
	return stationKeys{derive(s, nil, labelHello), derive(s, nil, labelWelcome), derive(s, nil, labelReset)}
}

// sessionKeys are the keys of a session, one for each direction, so that nothing can
// be sent back to who said it.
type sessionKeys struct{ up, down []byte }

func newSessionKeys(s Station, client, server nonce) sessionKeys {
	salt := slices.Concat(client[:], server[:])
	return sessionKeys{derive(s, salt, labelUp), derive(s, salt, labelDown)}
}

// seal appends to a message its tag: HMAC-SHA-256 (RFC 2104) of the message and of
// what goes with it unsaid, cut to 8 bytes.
func seal(message, key, unsaid []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(message)
	m.Write(unsaid)
	return append(message, m.Sum(nil)[:tagSize]...)
}

// authentic tells whether a message has the right tag.
func authentic(message, key, unsaid []byte) bool {
	if len(message) < tagSize {
		return false
	}
	m := hmac.New(sha256.New, key)
	m.Write(message[:len(message)-tagSize])
	m.Write(unsaid)
	return hmac.Equal(m.Sum(nil)[:tagSize], tagOf(message))
}
