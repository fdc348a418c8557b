package gateway

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/internal/keys"
)

// ClearConnect is a Connect for a link on which everything is readable. Clients log in
// here and not at the homeserver: with the password and the token that the station's
// key gives, which never leave this machine. What must not go on air is refused before
// it does.
type ClearConnect struct {
	connect   *Connect
	transport http.RoundTripper
	advertise *url.URL
	password  string
	token     string
	log       *slog.Logger

	// asking holds an item while somebody asks who we are, and guards user.
	asking chan struct{}
	user   *whoAmI
}

// whoAmI is what the homeserver calls the station (CS API, GET account/whoami).
type whoAmI struct {
	UserID   string `json:"user_id"`
	DeviceID string `json:"device_id,omitempty"`
}

// NewClearConnect returns a ClearConnect for the station that has this key.
func NewClearConnect(o ConnectOptions, key keys.Key) *ClearConnect {
	return &ClearConnect{
		connect: NewConnect(o), transport: o.Transport, advertise: o.Advertise, log: logOrDiscard(o.Log),
		password: keys.LocalPassword(key), token: keys.LocalToken(key),
		asking: make(chan struct{}, 1),
	}
}

// ServeHTTP implements http.Handler.
func (c *ClearConnect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions || c.connect.admit(r) != nil {
		c.connect.ServeHTTP(w, r)
		return
	}
	switch local := localPath(r.URL); {
	case r.Method == http.MethodGet && local == "login":
		c.answer(w, r, map[string]any{"flows": []any{map[string]string{"type": "m.login.password"}}})
		return
	case r.Method == http.MethodPost && local == "login":
		c.login(w, r)
		return
	case r.Method == http.MethodPost && (local == "logout" || local == "logout/all"):
		// The login is the station's; the token at the homeserver has to stay.
		if c.authorized(w, r) {
			c.answer(w, r, map[string]any{})
		}
		return
	}
	// Who is not logged in learns too what there is: clients ask before they do.
	if _, refused := routeClear(r.Method, r.URL); refused != nil {
		c.refuse(w, r, refused)
		return
	}
	if !isOpen(r) && !c.authorized(w, r) {
		return
	}
	out, _, refused := screen(r)
	if refused != nil {
		c.log.Info("a request does not go on air", "method", r.Method, "reason", refused.Message)
		c.refuse(w, r, refused)
		return
	}
	c.connect.ServeHTTP(w, out)
}

// localPath is the path below /_matrix/client/{version}, "" for another one.
func localPath(u *url.URL) string {
	segments, ok := pathSegments(u)
	if !ok || len(segments) < 4 || segments[0] != "_matrix" || segments[1] != "client" {
		return ""
	}
	return strings.Join(segments[3:], "/")
}

// isOpen tells whether a request needs no login.
func isOpen(r *http.Request) bool {
	return r.Method == http.MethodGet && (r.URL.Path == "/_matrix/client/versions" || r.URL.Path == "/.well-known/matrix/client")
}

// authorized tells whether a request bears the local token; if not, it is answered.
func (c *ClearConnect) authorized(w http.ResponseWriter, r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = r.URL.Query().Get("access_token")
	}
	token = strings.TrimSpace(token)
	if same(token, c.token) {
		return true
	}
	code := "M_UNKNOWN_TOKEN"
	if token == "" {
		code = "M_MISSING_TOKEN"
	}
	c.refuse(w, r, &coap.Error{Status: http.StatusUnauthorized, ErrCode: code, Message: "log in at this gateway first"})
	return false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// loginRequest is what of POST login counts (CS API, "Password-based").
type loginRequest struct {
	Type       string `json:"type"`
	Password   string `json:"password"`
	User       string `json:"user"`
	Identifier struct {
		Type string `json:"type"`
		User string `json:"user"`
	} `json:"identifier"`
}

// login answers a login. Who does not know the password causes nothing on the air.
func (c *ClearConnect) login(w http.ResponseWriter, r *http.Request) {
	var in loginRequest
	text, err := io.ReadAll(io.LimitReader(r.Body, maxClearBody))
	if err != nil || json.Unmarshal(text, &in) != nil {
		c.refuse(w, r, &coap.Error{Status: http.StatusBadRequest, ErrCode: "M_BAD_JSON", Message: "the body is not that of a login"})
		return
	}
	wrong := &coap.Error{Status: http.StatusForbidden, ErrCode: "M_FORBIDDEN",
		Message: "wrong user or password: log in with the password that keygen station printed, not with that of the homeserver"}
	if in.Type != "m.login.password" || !same(in.Password, c.password) {
		c.refuse(w, r, wrong)
		return
	}
	me, err := c.whoAmI(r)
	if err != nil {
		c.refuse(w, r, upstreamError(err, "far gateway"))
		return
	}
	user := in.Identifier.User
	if user == "" {
		user = in.User
	}
	localpart, _, _ := strings.Cut(strings.TrimPrefix(me.UserID, "@"), ":")
	if user != me.UserID && user != localpart {
		c.refuse(w, r, wrong)
		return
	}
	answer := map[string]any{"user_id": me.UserID, "access_token": c.token, "device_id": me.DeviceID}
	if c.advertise != nil {
		answer["well_known"] = map[string]any{"m.homeserver": map[string]string{"base_url": c.advertise.String()}}
	}
	c.answer(w, r, answer)
}

// whoAmI asks the other side once which user the station is.
func (c *ClearConnect) whoAmI(r *http.Request) (*whoAmI, error) {
	select {
	case c.asking <- struct{}{}:
		defer func() { <-c.asking }()
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if c.user != nil {
		return c.user, nil
	}
	target := far
	target.Path = "/_matrix/client/v3/account/whoami"
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxClearBody))
	if err != nil {
		return nil, err
	}
	var me whoAmI
	if res.StatusCode != http.StatusOK || json.Unmarshal(text, &me) != nil || me.UserID == "" {
		return nil, &coap.Error{Status: http.StatusBadGateway, ErrCode: "M_UNKNOWN", Message: "the server does not say which user this station is"}
	}
	c.user = &me
	return c.user, nil
}

func (c *ClearConnect) refuse(w http.ResponseWriter, r *http.Request, e *coap.Error) {
	c.connect.origins.set(w.Header(), r)
	writeError(w, e)
}

func (c *ClearConnect) answer(w http.ResponseWriter, r *http.Request, v any) {
	c.connect.origins.set(w.Header(), r)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}
