package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// Content is hidden when it holds ciphertext (Olm, Megolm, secret storage) or the key
// of an encrypted attachment. What somebody hides in a text by other means cannot be
// seen here.

// hiddenTypes are the beginnings of the types of events and account data that exist to
// hide something.
var hiddenTypes = []string{
	"m.room.encrypted", "m.secret_storage.", "m.cross_signing.", "m.megolm_backup.", "m.dehydrated_device",
}

func hiddenType(name string) bool {
	for _, t := range hiddenTypes {
		if strings.HasPrefix(name, t) {
			return true
		}
	}
	return false
}

// secretMembers are names that credentials have in bodies of the Matrix client-server
// API. Within an event they are anyone's names.
var secretMembers = []string{
	"auth", "password", "new_password", "access_token", "refresh_token", "login_token",
	"id_access_token", "client_secret", "threepid_creds",
}

// credential tells whether a body, of objects within it too when it is no event, has a
// credential by its name. Some homeservers do not look at the case.
func credential(v any, within bool) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if slices.Contains(secretMembers, strings.ToLower(name)) || within && credential(member, within) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if within && credential(item, within) {
				return true
			}
		}
	}
	return false
}

// hidden tells whether a JSON value holds something that not everyone can read.
func hidden(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["ciphertext"]; ok {
			return true
		}
		if _, ok := v["key"].(map[string]any); ok && v["iv"] != nil { // EncryptedFile
			return true
		}
		if name, ok := v["type"].(string); ok && hiddenType(name) {
			return true
		}
		for _, member := range v {
			if hidden(member) {
				return true
			}
		}
	case []any:
		for _, item := range v {
			if hidden(item) {
				return true
			}
		}
	}
	return false
}

// withheld is what a person reads in place of an encrypted message.
const withheld = "[encrypted message: not carried over this link]"

// clearAnswer takes out of an answer what must not go on air, and tells whether there
// was anything. An event becomes a notice in its place, everything else goes; gone is
// set when nothing is left.
func clearAnswer(v any) (clear any, changed, gone bool) {
	switch v := v.(type) {
	case map[string]any:
		return clearObject(v)
	case []any:
		kept := v[:0]
		for _, item := range v {
			item, edited, gone := clearAnswer(item)
			changed = changed || edited || gone
			if !gone {
				kept = append(kept, item)
			}
		}
		return kept, changed, false
	}
	return v, false, false
}

func clearObject(v map[string]any) (clear any, changed, gone bool) {
	name, _ := v["type"].(string)
	content, isEvent := v["content"].(map[string]any)
	switch _, placed := v["event_id"]; {
	case isEvent && (hiddenType(name) || hidden(content)):
		if !placed {
			return nil, false, true
		}
		v["type"], v["content"] = "m.room.message", map[string]any{"msgtype": "m.notice", "body": withheld}
		changed = true
	case !isEvent && hiddenHere(v):
		return nil, false, true
	}
	for name, member := range v {
		member, edited, gone := clearAnswer(member)
		changed = changed || edited || gone
		if gone {
			delete(v, name)
		} else {
			v[name] = member
		}
	}
	return v, changed, false
}

// hiddenHere is hidden without what lies deeper.
func hiddenHere(v map[string]any) bool {
	_, ciphertext := v["ciphertext"]
	_, key := v["key"].(map[string]any)
	return ciphertext || key && v["iv"] != nil
}

// syncSecrets are the parts of a sync that serve encryption alone.
var syncSecrets = []string{
	"to_device", "device_lists", "device_one_time_keys_count", "device_unused_fallback_key_types",
	"org.matrix.msc2732.device_unused_fallback_key_types",
}

var errNotJSON = errors.New("not valid JSON")

// readJSON reads one JSON value, numbers as they are written.
func readJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errNotJSON // the error would show a part of it
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return v, nil
}

// clearText is clearAnswer for the text of an answer. Text in which there is nothing to
// take out stays as it is. ok is false when nothing may be told.
func clearText(text []byte, kind clearKind) (clear []byte, ok bool) {
	v, err := readJSON(text)
	if err != nil {
		return nil, false
	}
	names := secretMembers
	if kind == clearSync {
		names = append(names[:len(names):len(names)], syncSecrets...)
	}
	stripped := false
	if answer, ok := v.(map[string]any); ok {
		before := len(answer)
		for _, name := range names {
			delete(answer, name)
		}
		stripped = len(answer) < before
	}
	v, changed, gone := clearAnswer(v)
	switch {
	case gone:
		return nil, false
	case !changed && !stripped:
		return text, true
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, false
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), true
}
