package fakehs

import (
	"encoding/json"
	"maps"
	"strings"
)

// uploadCrossSigning keeps the cross-signing keys. The first upload needs no further authentication, as the specification
// allows; replacing keys needs the password again.
func uploadCrossSigning(s *Server, q *request) (any, error) {
	var in map[string]json.RawMessage
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if q.user.crossSigning["master_key"] != nil {
		var auth *authData
		if err := json.Unmarshal(in["auth"], &auth); in["auth"] != nil && err != nil {
			return nil, badJSON("auth has the wrong shape")
		}
		check := func(a *authData) bool { return q.user.hasPassword(a.Password) }
		if again := s.interactive(auth, "m.login.password", check); again != nil {
			return again, nil
		}
	}
	for _, kind := range []string{"master_key", "self_signing_key", "user_signing_key"} {
		if key := in[kind]; key != nil {
			q.user.crossSigning[kind] = key
		}
	}
	q.user.keysChanged = s.update()
	return object{}, nil
}

// uploadSignatures adds signatures to keys: of the caller's own devices and master key, and of other users' master keys.
func uploadSignatures(s *Server, q *request) (any, error) {
	var in map[string]map[string]json.RawMessage
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	for userID, keys := range in {
		u := s.users[userID]
		if u == nil {
			continue
		}
		for id, signed := range keys {
			if d := u.devices[id]; d != nil && u == q.user {
				d.identity = merged(d.identity, signed, q.user.id)
			}
			if master := u.crossSigning["master_key"]; strings.Contains(string(master), `"ed25519:`+id+`"`) {
				u.crossSigning["master_key"] = merged(master, signed, q.user.id)
			}
		}
		u.keysChanged = s.update()
	}
	return object{"failures": object{}}, nil
}

// merged adds the signatures that signer made in signed to those of key.
func merged(key, signed json.RawMessage, signer string) json.RawMessage {
	type signatures struct {
		Signatures map[string]map[string]json.RawMessage `json:"signatures"`
	}
	var old, more signatures
	if key == nil || json.Unmarshal(signed, &more) != nil || json.Unmarshal(key, &old) != nil {
		return key
	}
	if old.Signatures == nil {
		old.Signatures = map[string]map[string]json.RawMessage{}
	}
	if old.Signatures[signer] == nil {
		old.Signatures[signer] = map[string]json.RawMessage{}
	}
	maps.Copy(old.Signatures[signer], more.Signatures[signer])
	return withField(key, "signatures", raw(old.Signatures))
}
