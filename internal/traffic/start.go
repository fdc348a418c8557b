package traffic

import (
	"encoding/base64"
	"fmt"
)

// start is what a client does before it syncs. Some clients log in, others go on where
// they were.
func (s *session) start() {
	if !s.percent(40) || s.client.name == "script" {
		s.versions()
	}
	if s.percent(15) {
		s.do("well_known", "GET", "/.well-known/matrix/client", nil, 200, obj("m.homeserver", obj("base_url", "https://matrix."+s.w.server.Name), "m.identity_server", when(s.percent(30), obj("base_url", "https://vector.im")), "org.matrix.msc4143.rtc_foci", when(s.percent(40), array{obj("type", "livekit", "livekit_service_url", "https://livekit-jwt."+s.w.server.Name)})))
	}
	if s.client.name == "script" && s.percent(50) {
		s.filterID = escapeJS(pick(s.source, []string{`{"room":{"timeline":{"limit":5}}}`, `{"presence":{"types":[]},"room":{"ephemeral":{"types":[]}}}`}))
	}
	if s.percent(65) {
		s.logIn()
		s.firstSync()
		s.look()
		return
	}
	if s.client.filter != "" {
		s.filterID = fmt.Sprint(s.IntN(12))
	}
	s.do("whoami", "GET", s.path("/account/whoami"), nil, 200, s.whoami())
	if s.percent(50) {
		s.pushRules()
	}
	s.since = s.token()
	for _, r := range s.rooms {
		r.read = nil
		for _, u := range r.members {
			r.seen[u] = s.percent(70)
		}
	}
	for range s.between(1, 6) {
		s.activity()
	}
	s.sync(0)
	if s.percent(45) {
		s.fullSync()
	}
}

func (s *session) versions() {
	all := []string{"r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.0", "r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12"}
	features := object{}
	switch s.w.server.Software {
	case Synapse:
		for i, f := range []string{"org.matrix.label_based_filtering", "org.matrix.e2e_cross_signing", "org.matrix.msc2432", "uk.half-shot.msc2666.query_mutual_rooms", "io.element.e2ee_forced.public",
			"io.element.e2ee_forced.private", "io.element.e2ee_forced.trusted_private", "org.matrix.msc3026.busy_presence", "org.matrix.msc2285.stable", "org.matrix.msc3827.stable", "org.matrix.msc3440.stable",
			"org.matrix.msc3771", "org.matrix.msc3773", "fi.mau.msc2815", "fi.mau.msc2659.stable", "org.matrix.msc3882", "org.matrix.msc3881", "org.matrix.msc3874", "org.matrix.msc3912", "org.matrix.msc3981",
			"org.matrix.msc3391", "org.matrix.msc4069", "org.matrix.msc4028", "org.matrix.msc4108", "org.matrix.msc4140", "org.matrix.simplified_msc3575", "uk.tcpip.msc4133", "org.matrix.msc4155"} {
			features = features.with(f, (i*7+len(s.w.server.Name))%5 != 0)
		}
	case Dendrite:
		all = []string{"r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.1", "v1.0", "v1.1", "v1.2"}
		features = obj("org.matrix.e2e_cross_signing", true, "org.matrix.msc2285.stable", true, "org.matrix.msc3916.stable", true)
	case Conduit:
		all = []string{"r0.5.0", "r0.6.0", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.12"}
		features = obj("org.matrix.e2e_cross_signing", true, "org.matrix.msc3916.stable", true, "org.matrix.simplified_msc3575", true)
	}
	s.do("versions", "GET", "/_matrix/client/versions", nil, 200, obj("versions", all[:len(all)-len(s.w.server.Name)%3], "unstable_features", features))
}

func (s *session) whoami() object {
	if s.w.server.Software == Synapse {
		return obj("user_id", s.me.id, "is_guest", false, "device_id", s.dev.id)
	}
	return obj("user_id", s.me.id, "device_id", s.dev.id, "is_guest", when(s.w.server.Software == Dendrite, false))
}

// logIn is what a new device does.
func (s *session) logIn() {
	flows := array{obj("type", "m.login.password")}
	if s.w.server.Software == Synapse {
		flows = append(flows, obj("type", "m.login.application_service"))
		if s.percent(40) {
			flows = append(array{obj("type", "m.login.sso", "identity_providers", array{obj("id", "oidc", "name", "SSO")}), obj("type", "m.login.token", "get_login_token", true)}, flows...)
		}
	}
	s.do("login_flows", "GET", s.path("/login"), nil, 200, obj("flows", flows))
	token := s.base64url(32)
	if s.w.server.Software == Synapse {
		token = "syt_" + base64.RawURLEncoding.EncodeToString([]byte(s.me.local)) + "_" + s.letters(20, upper+lower) + "_" + s.letters(6, upper+lower+decimal)
	}
	s.do("login", "POST", s.path("/login"), obj("type", "m.login.password", "identifier", obj("type", "m.id.user", "user", s.me.local), "password", s.letters(s.between(9, 16), upper+lower+decimal+"-!"), "initial_device_display_name", optional(s.dev.name), "refresh_token", when(s.percent(20), true)), 200,
		obj("user_id", s.me.id, "access_token", token, "home_server", when(s.w.server.Software != Dendrite, s.w.server.Name), "device_id", s.dev.id, "well_known", when(s.percent(25), obj("m.homeserver", obj("base_url", "https://"+s.w.server.Name+"/")))))
	if s.percent(60) {
		s.do("whoami", "GET", s.path("/account/whoami"), nil, 200, s.whoami())
	}
	if s.percent(70) {
		s.capabilities()
	}
	if s.percent(80) {
		s.pushRules()
	}
	if s.client.crypto {
		s.uploadKeys(true)
		if s.percent(50) {
			s.crossSign()
		}
		s.do("err_notfound", "GET", s.path("/room_keys/version"), nil, 404, obj("errcode", "M_NOT_FOUND", "error", s.phraseFor("No backup found", "version not found", "Key backup does not exist.")))
	}
	if s.client.filter != "" {
		s.filterID = fmt.Sprint(s.IntN(9))
		if s.w.server.Software == Conduit {
			s.filterID = s.letters(4, upper+lower+decimal)
		}
		s.do("filter", "POST", s.path("/user/%s/filter", s.me.id), s.client.filter, 200, obj("filter_id", s.filterID))
	}
	if s.percent(50) {
		s.turn()
	}
}

// phraseFor is one of three texts, by software.
func (s *session) phraseFor(synapse, dendrite, conduit string) string {
	switch s.w.server.Software {
	case Synapse:
		return synapse
	case Dendrite:
		return dendrite
	}
	return conduit
}

func (s *session) capabilities() {
	available := object{}
	for _, v := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
		available = available.with(v, "stable")
	}
	o := obj("m.room_versions", obj("default", s.w.server.Versions[0], "available", available), "m.change_password", obj("enabled", s.percent(80)))
	if s.w.server.Software == Synapse {
		o = o.with("m.set_displayname", obj("enabled", true), "m.set_avatar_url", obj("enabled", true), "m.3pid_changes", obj("enabled", true), "m.get_login_token", obj("enabled", false), "m.profile_fields", when(s.percent(50), obj("enabled", true)))
	}
	s.do("capabilities", "GET", s.path("/capabilities"), nil, 200, obj("capabilities", o))
}

func (s *session) turn() {
	if s.percent(35) {
		s.do("turn", "GET", s.path("/voip/turnServer"), nil, 200, obj())
		return
	}
	s.do("turn", "GET", s.path("/voip/turnServer"), nil, 200, obj("username", fmt.Sprintf("%d:%s", s.now/1000+86400, s.me.id), "password", s.base64(20)+"=", "ttl", 86400,
		"uris", []string{"turn:turn." + s.w.server.Name + "?transport=udp", "turn:turn." + s.w.server.Name + "?transport=tcp"}))
}

// uploadKeys publishes one-time keys, and with them those of the device if it is new.
func (s *session) uploadKeys(all bool) {
	n := s.between(1, 6)
	o := object{}
	if all {
		n = pick(s.source, []int{10, 20, 50})
		o = o.with("device_keys", s.me.deviceKeys(s.dev, false))
	}
	o = o.with("one_time_keys", s.oneTimeKeys(s.me, s.dev, s.nextKey, n))
	if all || s.percent(15) {
		o = o.with("fallback_keys", obj(keyName(s.nextKey+n), s.signedKey(s.me, s.dev, true)))
		s.fallbackUnused = true
	}
	s.nextKey += n + 1
	s.keysLeft = 50
	s.do("keys_upload", "POST", s.path("/keys/upload"), o, 200, obj("one_time_key_counts", obj("signed_curve25519", 50)))
}

func (s *session) crossSign() {
	o := obj("master_key", s.me.crossSigning("master"), "self_signing_key", s.me.crossSigning("self_signing"), "user_signing_key", s.me.crossSigning("user_signing"))
	if s.percent(60) {
		s.do("err_uia", "POST", s.path("/keys/device_signing/upload"), o, 401, obj("session", s.letters(24, upper+lower), "flows", array{obj("stages", []string{"m.login.password"})}, "params", obj()))
		o = o.with("auth", obj("type", "m.login.password", "identifier", obj("type", "m.id.user", "user", s.me.local), "password", s.letters(12, lower+decimal), "session", s.letters(24, upper+lower)))
	}
	s.do("xsign", "POST", s.path("/keys/device_signing/upload"), o, 200, obj())
	s.do("xsign", "POST", s.path("/keys/signatures/upload"), obj(s.me.id, obj(s.dev.id, s.me.deviceKeys(s.dev, false))), 200, obj("failures", when(s.w.server.Software == Synapse, obj())))
}

// firstSync fetches all rooms.
func (s *session) firstSync() {
	if s.client.sliding && s.w.server.Software == Synapse {
		s.slide(0)
		return
	}
	target := s.path("/sync") + "?" + s.client.query(s, 0)
	c := s.everything(pick(s.source, []int{1, 3, 8, 10, 20}))
	s.do("sync", "GET", target, nil, 200, s.syncAnswer(&c, true))
}

// fullSync fetches the whole state again.
func (s *session) fullSync() {
	if s.client.sliding {
		return
	}
	c := s.everything(pick(s.source, []int{1, 5, 10}))
	s.do("sync_full", "GET", s.path("/sync")+"?full_state=true&timeout=0", nil, 200, s.syncAnswer(&c, true))
}

// everything is all that a client may know, with the last events of each room.
func (s *session) everything(limit int) changes {
	lazy := s.client.filter != "" && s.percent(75)
	c := changes{account: s.globalData()}
	for _, r := range s.rooms {
		timeline := r.timeline[max(0, len(r.timeline)-limit):]
		d := &delta{room: r, timeline: timeline, full: true, limited: true}
		r.seen = map[*user]bool{s.me: true}
		for _, e := range timeline {
			r.seen[e.sender] = true
		}
		in := map[*event]bool{}
		for _, e := range timeline {
			in[e] = true
		}
		for _, e := range r.state {
			if in[e] || lazy && e.kind == "m.room.member" && !r.seen[e.sender] {
				continue
			}
			d.state = append(d.state, e)
		}
		if len(timeline) > 0 {
			r.read = timeline[0]
			d.account = append(d.account, accountData{"m.fully_read", obj("event_id", r.read.id)})
			for range s.between(0, 4) {
				if u := s.other(r); u != nil && !u.bot {
					s.receive(d, u)
				}
			}
		}
		if s.percent(15) {
			tag := pick(s.source, []string{"m.favourite", "m.lowpriority", "u.work"})
			d.account = append(d.account, accountData{"m.tag", obj("tags", obj(tag, obj("order", float64(s.IntN(100))/100)))})
		}
		c.rooms = append(c.rooms, d)
	}
	if s.percent(30) {
		c.presence = append(c.presence, presence{user: s.me, state: "online", ago: s.between(10, 5000)})
	}
	if s.percent(35) {
		for _, r := range s.w.rooms {
			if !r.has(s.me) {
				c.invites = append(c.invites, r)
				break
			}
		}
	}
	return c
}

// look is what clients fetch after the first sync.
func (s *session) look() {
	for _, r := range s.rooms[:min(2, len(s.rooms))] {
		if s.percent(40) {
			s.members(r)
		}
		if s.percent(50) {
			s.history(r)
		}
	}
	if s.percent(60) {
		s.do("profile_get", "GET", s.path("/profile/%s", s.me.id), nil, 200, s.profile(s.me))
	}
	if s.client.crypto {
		s.queryKeys()
	}
}
