package cborcodec

// keysV1 is the key table of version 1 (MSC3079, appendix A): the row number is
// the integer that stands for the key in a CBOR map. Row 0 is unused.
var keysV1 = [...]string{
	1:   "event_id",
	2:   "type",
	3:   "content",
	4:   "state_key",
	5:   "room_id",
	6:   "sender",
	7:   "user_id",
	8:   "origin_server_ts",
	9:   "unsigned",
	10:  "prev_content",
	11:  "state",
	12:  "timeline",
	13:  "events",
	14:  "limited",
	15:  "prev_batch",
	16:  "transaction_id",
	17:  "age",
	18:  "redacted_because",
	19:  "next_batch",
	20:  "presence",
	21:  "avatar_url",
	22:  "account_data",
	23:  "rooms",
	24:  "join",
	25:  "membership",
	26:  "displayname",
	27:  "body",
	28:  "msgtype",
	29:  "format",
	30:  "formatted_body",
	31:  "ephemeral",
	32:  "invite_state",
	33:  "leave",
	34:  "third_party_invite",
	35:  "is_direct",
	36:  "hashes",
	37:  "signatures",
	38:  "depth",
	39:  "prev_events",
	40:  "prev_state",
	41:  "auth_events",
	42:  "origin",
	43:  "creator",
	44:  "join_rule",
	45:  "history_visibility",
	46:  "ban",
	47:  "events_default",
	48:  "kick",
	49:  "redact",
	50:  "state_default",
	51:  "users",
	52:  "users_default",
	53:  "reason",
	54:  "visibility",
	55:  "room_alias_name",
	56:  "name",
	57:  "topic",
	58:  "invite",
	59:  "invite_3pid",
	60:  "room_version",
	61:  "creation_content",
	62:  "initial_state",
	63:  "preset",
	64:  "servers",
	65:  "identifier",
	66:  "user",
	67:  "medium",
	68:  "address",
	69:  "password",
	70:  "token",
	71:  "device_id",
	72:  "initial_device_display_name",
	73:  "access_token",
	74:  "home_server",
	75:  "well_known",
	76:  "base_url",
	77:  "device_lists",
	78:  "to_device",
	79:  "peek",
	80:  "last_seen_ip",
	81:  "display_name",
	82:  "typing",
	83:  "last_seen_ts",
	84:  "algorithm",
	85:  "sender_key",
	86:  "session_id",
	87:  "ciphertext",
	88:  "one_time_keys",
	89:  "timeout",
	90:  "recent_rooms",
	91:  "chunk",
	92:  "m.fully_read",
	93:  "device_keys",
	94:  "failures",
	95:  "device_display_name",
	96:  "prev_sender",
	97:  "replaces_state",
	98:  "changed",
	99:  "unstable_features",
	100: "versions",
	101: "devices",
	102: "errcode",
	103: "error",
	104: "room_alias",
}

// KeysV1 returns the key table of version 1 (MSC3079, appendix A): the integer n stands for
// the key in place n. Place 0 is empty. The slice is the caller's.
func KeysV1() []string { return append([]string(nil), keysV1[:]...) }

// numbersV1 is keysV1 read the other way.
var numbersV1 = numberKeys(keysV1[:])

func numberKeys(keys []string) map[string]uint64 {
	numbers := make(map[string]uint64, len(keys))
	for n, key := range keys {
		if n > 0 {
			numbers[key] = uint64(n)
		}
	}
	return numbers
}

// keyV1 returns the key that an unsigned CBOR integer stands for.
func keyV1(n uint64) (key string, ok bool) {
	if n == 0 || n >= uint64(len(keysV1)) {
		return "", false
	}
	return keysV1[n], true
}

// keySet is a set of rows of keysV1. Its zero value is empty.
type keySet [(len(keysV1) + 63) / 64]uint64

func (s *keySet) add(n uint64)      { s[n/64] |= 1 << (n % 64) }
func (s *keySet) has(n uint64) bool { return s[n/64]&(1<<(n%64)) != 0 }
func (s *keySet) empty() bool       { return *s == keySet{} }

// intersect returns what s and t have in common.
func (s keySet) intersect(t keySet) keySet {
	for i := range s {
		s[i] &= t[i]
	}
	return s
}
