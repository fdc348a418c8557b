package fakehs

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
)

// user is an account. Passwords are kept as digests, enough for something that forgets them when the process ends.
type user struct {
	id, localpart string
	password      [sha256.Size]byte
	devices       map[string]*device
	profile       map[string]json.RawMessage
	data          map[string]map[string]datum // account data by room, "" for global, and type
	filters       []json.RawMessage
	presence      presence
	keysChanged   int64 // position of the last change of any key of the user
	crossSigning  map[string]json.RawMessage
}

// device is one login of a user.
type device struct {
	owner    *user
	id, name string
	token    string
	lastSeen int64          // milliseconds
	txns     map[string]any // answers by path, for requests with a transaction id
	deviceKeys
	inbox []toDevice
}

const maxSessions = 1000

// interactive runs user-interactive authentication (CS API, "User-Interactive Authentication API") with a single stage.
// The answer is nil once that stage is complete.
func (s *Server) interactive(auth *authData, stage string, check func(*authData) bool) any {
	if auth != nil && auth.Type == stage {
		_, known := s.sessions[auth.Session]
		if (known || auth.Session == "") && check(auth) {
			delete(s.sessions, auth.Session)
			return nil
		}
	}
	if len(s.sessions) >= maxSessions {
		clear(s.sessions) // those who are half-way start again
	}
	session := s.ids.session()
	s.sessions[session] = struct{}{}
	body := object{"session": session, "flows": []object{{"stages": []string{stage}}}, "params": object{}, "completed": []string{}}
	if auth != nil {
		body["errcode"], body["error"] = "M_FORBIDDEN", "authentication failed"
	}
	return withStatus{http.StatusUnauthorized, body}
}

type authData struct {
	Type       string     `json:"type"`
	Session    string     `json:"session"`
	Password   string     `json:"password"`
	User       string     `json:"user"`
	Identifier identifier `json:"identifier"`
}

type identifier struct {
	Type string `json:"type"`
	User string `json:"user"`
}

type loginOptions struct {
	DeviceID    string `json:"device_id"`
	DisplayName string `json:"initial_device_display_name"`
}

func loginFlows(*Server, *request) (any, error) {
	return object{"flows": []object{{"type": "m.login.password"}}}, nil
}

func login(s *Server, q *request) (any, error) {
	var in struct {
		authData
		loginOptions
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in.Type != "m.login.password" {
		return nil, fail(http.StatusBadRequest, "M_UNKNOWN", "unknown login type")
	}
	u := s.users[s.userID(cmp.Or(in.Identifier.User, in.User))]
	if u == nil || !u.hasPassword(in.Password) {
		return nil, forbidden("wrong user name or password")
	}
	return s.login(u, in.loginOptions), nil
}

// login gives the user a new access token. A known device keeps its keys and loses its old token.
func (s *Server) login(u *user, opt loginOptions) object {
	d := u.devices[opt.DeviceID]
	if d == nil {
		if opt.DeviceID == "" {
			opt.DeviceID = s.ids.device()
		}
		d = &device{owner: u, id: opt.DeviceID, name: opt.DisplayName, txns: map[string]any{}, lastSeen: s.millis()}
		u.devices[d.id] = d
		u.keysChanged = s.update()
	}
	delete(s.tokens, d.token)
	d.token = s.ids.token()
	s.tokens[d.token] = d
	return object{"user_id": u.id, "access_token": d.token, "device_id": d.id}
}

func register(s *Server, q *request) (any, error) {
	var in struct {
		loginOptions
		Username     string    `json:"username"`
		Password     string    `json:"password"`
		InhibitLogin bool      `json:"inhibit_login"`
		Auth         *authData `json:"auth"`
	}
	if err := q.decode(&in); err != nil {
		return nil, err
	}
	if in.Username != "" {
		if err := s.nameFree(in.Username); err != nil {
			return nil, err
		}
	}
	if again := s.interactive(in.Auth, "m.login.dummy", func(*authData) bool { return true }); again != nil {
		return again, nil
	}
	if in.Username == "" {
		in.Username = strings.ToLower(s.ids.text(letters, 12))
	}
	name, _ := json.Marshal(in.Username)
	u := &user{
		id: s.userID(in.Username), localpart: in.Username, password: sha256.Sum256([]byte(in.Password)),
		devices: map[string]*device{}, profile: map[string]json.RawMessage{"displayname": name},
		data: map[string]map[string]datum{}, crossSigning: map[string]json.RawMessage{},
	}
	s.users[u.id] = u
	s.setData(u, "", "m.push_rules", rulesFor(u))
	if in.InhibitLogin {
		return object{"user_id": u.id}, nil
	}
	return s.login(u, in.loginOptions), nil
}

func available(s *Server, q *request) (any, error) {
	if err := s.nameFree(q.query.Get("username")); err != nil {
		return nil, err
	}
	return object{"available": true}, nil
}

// nameFree checks a localpart for a new account (appendices, "User Identifiers").
func (s *Server) nameFree(name string) error {
	valid := name != "" && len(s.userID(name)) <= 255 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._=-/+") == ""
	if !valid || strings.HasPrefix(name, "@") {
		return fail(http.StatusBadRequest, "M_INVALID_USERNAME", "a user name has only a-z, 0-9 and ._=-/+")
	}
	if s.users[s.userID(name)] != nil {
		return fail(http.StatusBadRequest, "M_USER_IN_USE", "that user name is taken")
	}
	return nil
}

// userID completes a bare localpart.
func (s *Server) userID(name string) string {
	if strings.HasPrefix(name, "@") {
		return name
	}
	return "@" + name + ":" + s.cfg.ServerName
}

func (u *user) hasPassword(password string) bool {
	sum := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(sum[:], u.password[:]) == 1
}

func whoami(_ *Server, q *request) (any, error) {
	return object{"user_id": q.user.id, "device_id": q.device.id, "is_guest": false}, nil
}

func logout(s *Server, q *request) (any, error) {
	s.removeDevices(q.user, q.device.id)
	return object{}, nil
}

func logoutAll(s *Server, q *request) (any, error) {
	for id := range q.user.devices {
		s.removeDevices(q.user, id)
	}
	return object{}, nil
}
