package traffic

import (
	"fmt"
	"html"
	"strings"
)

// notice is what a program says: an alert, a build, the weather.
func (w *world) notice(u *user) draft {
	s, sp := w.source, u.speaker
	host := pick(s, []string{"db", "web", "mail", "gw", "node", "backup"}) + fmt.Sprint(s.between(1, 30))
	var plain, rich string
	switch s.IntN(6) {
	case 0:
		state := pick(s, []string{"FIRING", "RESOLVED"})
		color := map[string]string{"FIRING": "#dc3545", "RESOLVED": "#33cc33"}[state]
		what := pick(s, []string{"HostDown", "DiskFull", "HighLoad", "CertificateExpiry", "BatteryLow", "LinkLoss"})
		plain = fmt.Sprintf("%s: %s (%s) %s", state, what, host, sp.phrase())
		rich = fmt.Sprintf(`<font color="%s"><strong>%s</strong></font>: %s (<code>%s</code>)<br>%s`, color, state, what, host, html.EscapeString(strings.SplitN(plain, ") ", 2)[1]))
	case 1:
		n, hash := s.between(100, 9999), s.hex(4)
		plain = fmt.Sprintf("build #%d of %s failed at %s: https://ci.example.com/%d", n, host, hash, n)
		rich = fmt.Sprintf(`build <a href="https://ci.example.com/%d">#%d</a> of <code>%s</code> <strong>failed</strong> at %s`, n, n, host, hash)
	case 2:
		place := pick(s, sp.places)
		plain = fmt.Sprintf("%s: %.1f °C, %d m/s, %d hPa", place, float64(s.between(-100, 300))/10, s.IntN(25), s.between(975, 1035))
	case 3:
		plain = fmt.Sprintf("%s pushed %d commits to %s/main", pick(s, sp.names), s.between(1, 9), host)
		rich = fmt.Sprintf("%s<br><ul><li><code>%s</code> %s</li></ul>", html.EscapeString(plain), s.hex(4), html.EscapeString(sp.phrase()))
		plain += "\n* " + sp.phrase()
	case 4:
		plain = fmt.Sprintf("⏰ %s %s: %s", pick(s, sp.days), sp.clock(), sp.phrase())
	default:
		plain = fmt.Sprintf("%s ok %d%% %dd%02dh", host, s.between(1, 99), s.between(0, 300), s.IntN(24))
	}
	o := obj("body", plain, "msgtype", "m.notice")
	if rich != "" {
		o = obj("body", plain, "format", "org.matrix.custom.html", "formatted_body", rich, "msgtype", "m.notice")
	}
	if s.percent(10) {
		o = o.with("com.example.alert", obj("id", s.between(1, 99999), "severity", pick(s, []string{"info", "warning", "critical"}), "ratio", float64(s.IntN(1000))/1000))
	}
	return draft{kind: "m.room.message", text: plain, content: o}
}

// changeState changes the state of a room.
func (w *world) changeState(r *room, u *user, what act) *event {
	s := w.source
	if what == actCall {
		return w.call(r, u)
	}
	if what == actMember || u.bot {
		u.display = pick(s, u.speaker.names) + pick(s, []string{"", " 2", " ✈", " (home)", "!", " 🏖"})
		return w.setState(r, u, "m.room.member", u.id, u.member("join"))
	}
	switch s.IntN(5) {
	case 0, 1:
		return w.setState(r, u, "m.room.topic", "", w.topic(r))
	case 2:
		if last := w.target(r, u, false); last != nil {
			return w.setState(r, u, "m.room.pinned_events", "", obj("pinned", []string{last.id}))
		}
	case 3:
		if r.name != "" {
			r.name = pick(s, r.speaker.rooms)
			return w.setState(r, u, "m.room.name", "", obj("name", r.name))
		}
	}
	return w.setState(r, u, "m.room.power_levels", "", w.powerLevels(r))
}

// call joins or leaves a call of the room (MSC3401, MSC4143).
func (w *world) call(r *room, u *user) *event {
	if len(u.devices) == 0 {
		return w.changeState(r, u, actMember)
	}
	d := u.devices[0]
	key := "_" + u.id + "_" + d.id
	if old := r.current("org.matrix.msc3401.call.member", key); old != nil && len(old.content) > 0 {
		return w.setState(r, u, "org.matrix.msc3401.call.member", key, obj())
	}
	return w.setState(r, u, "org.matrix.msc3401.call.member", key, obj("application", "m.call", "call_id", "", "scope", "m.room", "device_id", d.id, "expires", 14400000,
		"focus_active", obj("type", "livekit", "focus_selection", "oldest_membership"),
		"foci_preferred", array{obj("type", "livekit", "livekit_service_url", "https://livekit-jwt."+w.server.Name, "livekit_alias", r.id)}, "m.call.intent", pick(w.source, []string{"audio", "video"})))
}
