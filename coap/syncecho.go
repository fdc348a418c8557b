package coap

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// presenceEcho is what the polls in a silent client's name do to its presence, and how the
// homeserver tells that user of it: such a word is none for the client, which knows better
// whether it is online. It serves one observation, whose polls come one after the other.
type presenceEcho struct {
	// away: polls leave the presence alone.
	away bool
	// due: they do so, or do not any more, since an echo was last seen.
	due bool
	// user is the user ID, empty while it is not known.
	user string
}

// poll makes a poll one of a client that has been silent for long, or of one that has not.
func (p *presenceEcho) poll(poll *http.Request, away bool) {
	p.due = p.due || away != p.away
	p.away = away
	if away {
		poll.URL.RawQuery = withPresence(poll.URL.RawQuery, "offline")
		poll.RequestURI = poll.URL.RequestURI()
	}
}

// heard reports whether an event is the echo of what the polls do. whoami tells the user.
func (p *presenceEcho) heard(event json.RawMessage, wanted string, whoami func() string) bool {
	var e struct {
		Type, Sender string
		Content      map[string]json.RawMessage
	}
	if !p.due || json.Unmarshal(event, &e) != nil || e.Type != "m.presence" {
		return false
	}
	if p.away {
		wanted = "offline"
	}
	for name, value := range e.Content {
		switch name {
		case "currently_active", "last_active_ago": // as of now
		case "presence":
			if string(value) != `"`+wanted+`"` {
				return false
			}
		default: // what the user says of themselves
			return false
		}
	}
	if p.user == "" {
		p.user = whoami()
	}
	if p.user == "" || e.Sender != p.user {
		return false
	}
	p.due = false
	return true
}

// wantedPresence is what a client lets a /sync say of its user (CS API, "Syncing").
func wantedPresence(r *http.Request) string {
	if presence := r.URL.Query().Get("set_presence"); presence != "" {
		return presence
	}
	return "online"
}

// whoami asks the homeserver whose token a request bears; empty where that fails.
func (s *serverSession) whoami(ctx context.Context, r *http.Request) string {
	ask := r.Clone(ctx)
	ask.URL.Path, ask.URL.RawPath, ask.URL.RawQuery = "/_matrix/client/v3/account/whoami", "", ""
	ask.RequestURI = ask.URL.RequestURI()
	got, problem := s.call(ask)
	if problem != nil {
		return ""
	}
	defer closeBody(got.body)
	var answer struct {
		UserID string `json:"user_id"`
	}
	if got.status != http.StatusOK || got.body == nil || json.NewDecoder(io.LimitReader(got.body, maxWhoami)).Decode(&answer) != nil {
		return ""
	}
	return answer.UserID
}

// maxWhoami bounds an answer that has little to say, in bytes.
const maxWhoami = 4096
