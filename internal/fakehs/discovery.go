package fakehs

import (
	_ "embed"
	"encoding/json"
	"strings"
)

// defaultRules are the predefined push rules (CS API, "Predefined Rules"); @USER@ and @LOCALPART@ stand for the user.
//
//go:embed pushrules.json
var defaultRules string

// fixed answers every request with the same JSON text.
func fixed(text string) handler {
	return func(*Server, *request) (any, error) { return json.RawMessage(text), nil }
}

// serverName answers as much of the published keys as tells the name.
func serverName(s *Server, _ *request) (any, error) {
	return object{"server_name": s.cfg.ServerName}, nil
}

func versions(*Server, *request) (any, error) {
	return object{
		"versions":          []string{"r0.5.0", "r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11"},
		"unstable_features": object{"org.matrix.e2e_cross_signing": true},
	}, nil
}

func wellKnown(s *Server, _ *request) (any, error) {
	if s.cfg.BaseURL == "" {
		return nil, notFound("no discovery information")
	}
	return object{"m.homeserver": object{"base_url": s.cfg.BaseURL}}, nil
}

func capabilities(*Server, *request) (any, error) {
	return object{"capabilities": object{
		"m.change_password": object{"enabled": false},
		"m.room_versions":   object{"default": roomVersion, "available": object{roomVersion: "stable"}},
	}}, nil
}

func pushRules(_ *Server, q *request) (any, error) { return rulesFor(q.user), nil }

func rulesFor(u *user) json.RawMessage {
	text := strings.NewReplacer("@USER@", u.id, "@LOCALPART@", u.localpart).Replace(defaultRules)
	return json.RawMessage(text)
}
