package fakehs

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// deviceKeys is what a device has published for end-to-end encryption. Keys are "algorithm:id".
type deviceKeys struct {
	identity json.RawMessage // nil before the first upload
	oneTime  map[string]json.RawMessage
	fallback map[string]*fallbackKey // by algorithm
}

type fallbackKey struct {
	id   string
	key  json.RawMessage
	used bool
}

func (k *deviceKeys) keyCounts() map[string]int {
	counts := map[string]int{"signed_curve25519": 0}
	for id := range k.oneTime {
		algorithm, _, _ := strings.Cut(id, ":")
		counts[algorithm]++
	}
	return counts
}

func (k *deviceKeys) unusedFallback() []string {
	types := []string{}
	for _, algorithm := range slices.Sorted(maps.Keys(k.fallback)) {
		if !k.fallback[algorithm].used {
			types = append(types, algorithm)
		}
	}
	return types
}

const maxOneTimeKeys = 1000

func uploadKeys(s *Server, q *request) (any, error) {
	in := struct {
		Device   json.RawMessage            `json:"device_keys"`
		OneTime  map[string]json.RawMessage `json:"one_time_keys"`
		Fallback map[string]json.RawMessage `json:"fallback_keys"`
	}{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	d := q.device
	for id, key := range in.OneTime {
		if old, ok := d.oneTime[id]; ok && !bytes.Equal(old, key) {
			return nil, invalid("a different one-time key has that id")
		}
	}
	if len(d.oneTime)+len(in.OneTime) > maxOneTimeKeys {
		return nil, fail(http.StatusBadRequest, "M_UNKNOWN", "too many one-time keys")
	}
	if in.Device != nil && !bytes.Equal(in.Device, d.identity) {
		var claims struct {
			User   string `json:"user_id"`
			Device string `json:"device_id"`
		}
		if json.Unmarshal(in.Device, &claims) != nil || claims.User != q.user.id || claims.Device != d.id {
			return nil, invalid("the keys name another device")
		}
		d.identity = in.Device
		q.user.keysChanged = s.update()
	}
	if d.oneTime == nil {
		d.oneTime, d.fallback = map[string]json.RawMessage{}, map[string]*fallbackKey{}
	}
	maps.Copy(d.oneTime, in.OneTime)
	for id, key := range in.Fallback {
		algorithm, _, _ := strings.Cut(id, ":")
		d.fallback[algorithm] = &fallbackKey{id: id, key: key}
	}
	return object{"one_time_key_counts": d.keyCounts()}, nil
}

func queryKeys(s *Server, q *request) (any, error) {
	in := struct {
		Users map[string][]string `json:"device_keys"`
	}{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	devices := map[string]object{}
	kinds := map[string]object{"master_key": {}, "self_signing_key": {}, "user_signing_key": {}}
	for id, wanted := range in.Users {
		u := s.users[id]
		if u == nil {
			continue
		}
		devices[id] = object{}
		for deviceID, d := range u.devices {
			if d.identity != nil && (len(wanted) == 0 || slices.Contains(wanted, deviceID)) {
				devices[id][deviceID] = withField(d.identity, "unsigned", raw(object{"device_display_name": d.name}))
			}
		}
		for kind, key := range u.crossSigning {
			if kind != "user_signing_key" || u == q.user {
				kinds[kind][id] = key
			}
		}
	}
	return object{
		"failures": object{}, "device_keys": devices,
		"master_keys": kinds["master_key"], "self_signing_keys": kinds["self_signing_key"], "user_signing_keys": kinds["user_signing_key"],
	}, nil
}

// withField sets one field of a JSON object; what is no object becomes one.
func withField(text json.RawMessage, field string, value json.RawMessage) json.RawMessage {
	fields := map[string]json.RawMessage{}
	_ = json.Unmarshal(text, &fields)
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	fields[field] = value
	return raw(fields)
}

// claimKeys hands out each one-time key once, and the fallback key when none is left (CS API, "One-time and fallback keys").
func claimKeys(s *Server, q *request) (any, error) {
	in := struct {
		Wanted map[string]map[string]string `json:"one_time_keys"`
	}{}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	found := map[string]object{}
	for id, wanted := range in.Wanted {
		u := s.users[id]
		if u == nil {
			continue
		}
		for deviceID, algorithm := range wanted {
			d := u.devices[deviceID]
			if d == nil {
				continue
			}
			if keyID, key := d.claim(algorithm); key != nil {
				if found[id] == nil {
					found[id] = object{}
				}
				found[id][deviceID] = object{keyID: key}
			}
		}
	}
	return object{"failures": object{}, "one_time_keys": found}, nil
}

func (k *deviceKeys) claim(algorithm string) (string, json.RawMessage) {
	for _, id := range slices.Sorted(maps.Keys(k.oneTime)) {
		if strings.HasPrefix(id, algorithm+":") {
			key := k.oneTime[id]
			delete(k.oneTime, id)
			return id, key
		}
	}
	if f := k.fallback[algorithm]; f != nil {
		f.used = true
		return f.id, f.key
	}
	return "", nil
}

// noKeyBackup says that there is no backup. Clients take it as "not set up".
func noKeyBackup(*Server, *request) (any, error) { return nil, notFound("no key backup") }
