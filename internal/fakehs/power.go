package fakehs

import (
	"cmp"
	"encoding/json"
)

// powerLevels is the content of m.room.power_levels with its defaults (CS API, "m.room.power_levels").
type powerLevels struct {
	Users         map[string]int `json:"users"`
	UsersDefault  int            `json:"users_default"`
	Events        map[string]int `json:"events"`
	EventsDefault int            `json:"events_default"`
	StateDefault  int            `json:"state_default"`
	Invite        int            `json:"invite"`
	Kick          int            `json:"kick"`
	Ban           int            `json:"ban"`
	Redact        int            `json:"redact"`
}

func parsePower(content json.RawMessage) (powerLevels, error) {
	p := powerLevels{StateDefault: 50, Kick: 50, Ban: 50, Redact: 50}
	if err := json.Unmarshal(content, &p); err != nil {
		return p, badJSON("power levels must be integers")
	}
	return p, nil
}

func (r *room) power() powerLevels {
	if e := r.state[stateID{typePower, ""}]; e != nil {
		p, _ := parsePower(e.content) // checked when the event was accepted
		return p
	}
	p, _ := parsePower(json.RawMessage("{}"))
	return p
}

func (p powerLevels) of(userID string) int {
	if level, ok := p.Users[userID]; ok {
		return level
	}
	return p.UsersDefault
}

func (p powerLevels) needed(typ string, state bool) int {
	if level, ok := p.Events[typ]; ok {
		return level
	}
	if state {
		return p.StateDefault
	}
	return p.EventsDefault
}

// maySend is the authorization of everything but member events, reduced to what matters within one server.
func (r *room) maySend(sender, typ string, stateKey *string) error {
	switch p := r.power(); {
	case !r.joined(sender):
		return forbidden("you are not in that room")
	case p.of(sender) < p.needed(typ, stateKey != nil):
		return forbidden("your power level is too low")
	case typ == "m.room.create":
		return forbidden("the room exists already")
	case stateKey != nil && len(*stateKey) > 0 && (*stateKey)[0] == '@' && *stateKey != sender:
		return forbidden("the state key names another user")
	}
	return nil
}

// mayChange authorizes sender to give target that membership.
func (r *room) mayChange(sender, target, membership string) error {
	p, self, now := r.power(), sender == target, r.member(target).membership()
	present := r.joined(sender)
	above := p.of(sender) > p.of(target)
	var ok bool
	switch membership {
	case "join":
		ok = self && now != "ban" && (now == "join" || now == "invite" || cmp.Or(r.text("m.room.join_rules", "join_rule"), "invite") == "public")
	case "invite":
		ok = present && now != "join" && now != "ban" && p.of(sender) >= p.Invite
	case "leave":
		switch {
		case self:
			ok = now == "join" || now == "invite"
		case now == "ban":
			ok = present && p.of(sender) >= p.Ban
		default:
			ok = present && above && p.of(sender) >= p.Kick
		}
	case "ban":
		ok = present && !self && above && p.of(sender) >= p.Ban
	default:
		return badJSON("unknown membership")
	}
	if !ok {
		return forbidden("you may not make that change of membership")
	}
	return nil
}
