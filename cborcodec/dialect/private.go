package dialect

import (
	"bytes"
	"strings"
)

// privateSegments are segments of paths of requests that carry secrets, and whose answers
// may. Nothing of either is remembered: only names are anyway, so this is a second lock.
var privateSegments = map[string]bool{
	"login": true, "register": true, "refresh": true, "password": true, "deactivate": true, "auth": true, "3pid": true, "openid": true,
	"delete_devices": true, "device_signing": true, "dehydrated_device": true, "requestToken": true, "turnServer": true, "rendezvous": true,
}

// isPrivate says whether a request is one of those, or authenticates interactively. Both
// ends must come to the same, so it goes by nothing that version 1 would change.
func isPrivate(r *Request) bool {
	path, _, _ := strings.Cut(r.Target, "?")
	for segment := range strings.SplitSeq(path, "/") {
		if strings.IndexByte(segment, '%') >= 0 {
			if decoded, ok := unescape(segment, false); ok {
				segment = decoded
			}
		}
		if privateSegments[segment] {
			return true
		}
	}
	return !r.Opaque && hasMember(r.Body, "auth")
}

// hasMember says whether a JSON text has a member of that name anywhere, however it is
// spaced and escaped.
func hasMember(text []byte, name string) bool {
	for len(text) > 0 {
		at := bytes.IndexByte(text, '"')
		if at < 0 {
			return false
		}
		text = text[at:]
		size := stringSize(text)
		if size == 0 {
			return false
		}
		content := text[1 : size-1]
		text = bytes.TrimLeft(text[size:], " \t\r\n")
		if len(text) > 0 && text[0] == ':' && isWritten(content, name) {
			return true
		}
	}
	return false
}

// isWritten says whether the content of a JSON string is name, which has letters alone:
// each may be written \u00xx (RFC 8259 §7).
func isWritten(content []byte, name string) bool {
	if string(content) == name {
		return true
	}
	if bytes.IndexByte(content, '\\') < 0 {
		return false
	}
	for i := range len(name) {
		switch {
		case len(content) > 0 && content[0] == name[i]:
			content = content[1:]
		case len(content) >= 6 && bytes.EqualFold(content[:6], []byte{'\\', 'u', '0', '0', hexDigits[name[i]>>4], hexDigits[name[i]&15]}):
			content = content[6:]
		default:
			return false
		}
	}
	return len(content) == 0
}
