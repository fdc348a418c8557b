package traffic

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// megolm is the session in which one device encrypts for a room.
type megolm struct {
	id    string
	index int
	owner *device
}

// ciphertext is a Megolm message in the length and form it would have: version, index,
// AES-CBC in whole blocks, a MAC of 8 bytes and a signature of 64.
func (w *world) ciphertext(index, plain int) string {
	size := (plain/16 + 1) * 16
	b := binary.AppendUvarint([]byte{3, 8}, uint64(index))
	b = binary.AppendUvarint(append(b, 0x12), uint64(size))
	b = append(b, w.bytes(size+8+64)...)
	return base64.RawStdEncoding.EncodeToString(b)
}

// encrypt is the content of an encrypted event with a payload of a size.
func (w *world) encrypt(r *room, u *user, plain int) object {
	m := r.megolm[u]
	if m == nil || m.index >= 100 {
		m = &megolm{id: w.base64(32), owner: u.devices[0]}
		r.megolm[u] = m
	}
	m.index++
	o := obj("algorithm", "m.megolm.v1.aes-sha2")
	body := w.ciphertext(m.index-1, plain)
	switch len(u.id) % 3 {
	case 0: // clients that leave out what is deprecated
		return o.with("ciphertext", body, "session_id", m.id)
	case 1:
		return o.with("sender_key", m.owner.curve, "ciphertext", body, "session_id", m.id, "device_id", m.owner.id)
	}
	return o.with("ciphertext", body, "device_id", m.owner.id, "sender_key", m.owner.curve, "session_id", m.id)
}

// olm is the content of a message to one device: kind 0 begins a session.
func (w *world) olm(to, from *device, kind, plain int) object {
	return obj("algorithm", "m.olm.v1.curve25519-aes-sha2", "ciphertext", obj(to.curve, obj("body", w.olmBody(kind, plain), "type", kind)), "org.matrix.msgid", when(w.percent(70), w.hex(16)), "sender_key", from.curve)
}

func (w *world) olmBody(kind, plain int) string {
	size := (plain/16 + 1) * 16
	b := append([]byte{3, 10, 32}, w.bytes(32)...)
	b = binary.AppendUvarint(append(b, 16, byte(w.IntN(40)), 0x22), uint64(size))
	b = append(b, w.bytes(size+8)...)
	if kind == 0 {
		pre := append([]byte{3, 10, 32}, w.bytes(32)...)
		pre = append(append(pre, 0x12, 32), w.bytes(32)...)
		pre = append(append(pre, 0x1a, 32), w.bytes(32)...)
		b = append(binary.AppendUvarint(append(pre, 0x22), uint64(len(b))), b...)
	}
	return base64.RawStdEncoding.EncodeToString(b)
}

// roomKeySize is about the size of an m.room_key event inside an Olm message.
const roomKeySize = 1150

// deviceKeys are the identity keys of a device, as keys/query returns them.
func (u *user) deviceKeys(d *device, unsigned bool) object {
	o := obj("algorithms", []string{"m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"}, "device_id", d.id,
		"keys", obj("curve25519:"+d.id, d.curve, "ed25519:"+d.id, d.ed),
		"signatures", obj(u.id, obj("ed25519:"+d.id, d.sign)), "user_id", u.id)
	if u.reader {
		o = obj("algorithms", []string{"m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"}, "device_id", d.id,
			"keys", obj("curve25519:"+d.id, d.curve, "ed25519:"+d.id, d.ed),
			"signatures", obj(u.id, obj("ed25519:"+d.id, d.sign, "ed25519:"+u.self, u.sig)), "user_id", u.id)
	}
	if unsigned {
		o = o.with("unsigned", obj("device_display_name", optional(d.name)))
	}
	return o
}

// crossSigning are the keys with which a user signs devices and other users.
func (u *user) crossSigning(usage string) object {
	key, signer, sig := u.master, u.devices[0].id, u.masterSig
	switch usage {
	case "self_signing":
		key, signer, sig = u.self, u.master, u.selfSig
	case "user_signing":
		key, signer, sig = u.signing, u.master, u.sig
	}
	return obj("user_id", u.id, "usage", []string{usage}, "keys", obj("ed25519:"+key, key), "signatures", obj(u.id, obj("ed25519:"+signer, sig)))
}

// oneTimeKeys are n new keys of a device, numbered from first.
func (w *world) oneTimeKeys(u *user, d *device, first, n int) object {
	keys := obj()
	for i := range n {
		keys = append(keys, member{keyName(first + i), w.signedKey(u, d, false)})
	}
	return keys
}

func keyName(n int) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return "signed_curve25519:" + base64.RawStdEncoding.EncodeToString(b[4:]) // 6 characters, as a counter of 32 bits
}

func (w *world) signedKey(u *user, d *device, fallback bool) object {
	o := obj("fallback", when(fallback, true), "key", w.base64(32))
	return o.with("signatures", obj(u.id, obj("ed25519:"+d.id, w.base64(64))))
}

// toDevice is a message that some other device sends to one of ours.
func (w *world) toDevice(from, to *user, mine *device) object {
	s := w.source
	d := pick(s, from.devices)
	kind := "m.room.encrypted"
	var content object
	switch n := s.IntN(20); {
	case n < 13:
		content = w.olm(mine, d, choose(s, []choice[int]{{60, 0}, {40, 1}}), roomKeySize+s.IntN(60))
	case n < 15:
		kind = "m.room_key_request"
		content = obj("action", "request", "body", obj("algorithm", "m.megolm.v1.aes-sha2", "room_id", pick(s, w.rooms).id, "sender_key", d.curve, "session_id", s.base64(32)), "request_id", fmt.Sprintf("m%d.%d", w.now, s.IntN(9)), "requesting_device_id", d.id)
		if s.percent(40) {
			content = obj("action", "request_cancellation", "request_id", content.get("request_id"), "requesting_device_id", d.id)
		}
	case n < 16:
		kind = "m.key.verification.request"
		content = obj("from_device", d.id, "methods", []string{"m.sas.v1", "m.qr_code.show.v1", "m.reciprocate.v1"}, "timestamp", w.now, "transaction_id", s.base64url(24))
	case n < 17:
		kind = "m.key.verification." + pick(s, []string{"cancel", "done", "ready", "key", "mac"})
		content = obj("code", when(kind == "m.key.verification.cancel", "m.timeout"), "reason", when(kind == "m.key.verification.cancel", "The verification process timed out."), "transaction_id", s.base64url(24))
	case n < 18:
		kind, content = "m.secret.request", obj("action", "request", "name", "m.megolm_backup.v1", "request_id", s.uuid(), "requesting_device_id", d.id)
	case n < 19:
		kind, content = "org.matrix.room_key.withheld", obj("algorithm", "m.megolm.v1.aes-sha2", "code", "m.unverified", "reason", "The sender has disabled encrypting to unverified devices.", "room_id", pick(s, w.rooms).id, "sender_key", d.curve, "session_id", s.base64(32))
	default:
		kind, content = "m.dummy", obj()
	}
	if w.server.Software == Synapse && !w.server.Traits.Sorted {
		return obj("content", content, "type", kind, "sender", from.id)
	}
	return obj("content", content, "sender", from.id, "type", kind)
}
