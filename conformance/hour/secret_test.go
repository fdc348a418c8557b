package hour

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Bodies of encryption, with random bytes in the place of keys and ciphertexts. Their
// lengths are those of the recordings.

// secret is a body of that name. c.mu is held.
func (c *client) secret(name string) string {
	switch name {
	case "deviceKeys":
		return `{"device_keys":` + c.deviceKeys() + `}`
	case "fiveKeys":
		return `{"one_time_keys":` + c.oneTimeKeys(5) + `}`
	case "allKeys":
		const ready = 50 // one-time keys, for as many who write first
		return `{"device_keys":` + c.deviceKeys() + `,"one_time_keys":` + c.oneTimeKeys(ready) + `}`
	case "roomKey":
		const prekey = 1300 // bytes of an Olm message with a Megolm session
		return fmt.Sprintf(`{"messages":{%q:{%q:{"algorithm":"m.olm.v1.curve25519-aes-sha2","ciphertext":{%q:{"body":%q,"type":0}},"sender_key":%q}}}}`,
			c.peer.userID, c.peer.device, c.base64(32), c.base64(prekey), c.base64(32))
	default: // encrypted
		const text = 160 // bytes of a Megolm message with a short text
		return fmt.Sprintf(`{"algorithm":"m.megolm.v1.aes-sha2","ciphertext":%q,"device_id":%q,"sender_key":%q,"session_id":%q}`,
			c.base64(text), c.device, c.base64(32), c.base64(32))
	}
}

func (c *client) deviceKeys() string {
	return fmt.Sprintf(`{"algorithms":["m.olm.v1.curve25519-aes-sha2","m.megolm.v1.aes-sha2"],"device_id":%q,"keys":{"curve25519:%s":%q,"ed25519:%s":%q},"signatures":%s,"user_id":%q}`,
		c.device, c.device, c.base64(32), c.device, c.base64(32), c.signatures(), c.userID)
}

func (c *client) signatures() string {
	return fmt.Sprintf(`{%q:{"ed25519:%s":%q}}`, c.userID, c.device, c.base64(64))
}

func (c *client) oneTimeKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"signed_curve25519:%s":{"key":%q,"signatures":%s}`, c.base64(8), c.base64(32), c.signatures())
	}
	return "{" + strings.Join(keys, ",") + "}"
}

// base64 is so many random bytes, as Matrix writes them.
func (c *client) base64(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(c.random.Uint32())
	}
	return base64.RawStdEncoding.EncodeToString(b)
}
