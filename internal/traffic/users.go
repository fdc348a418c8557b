package traffic

import (
	"fmt"
	"strings"
)

// user is someone who has an account.
type user struct {
	id, local, server       string
	display, avatar         string
	remote, bot             bool
	speaker                 *speaker
	devices                 []*device
	master, self, signing   string
	masterSig, selfSig, sig string
	// What the client of the user does: threads and mentions, body before msgtype, quotes
	// in replies.
	reader, bodyFirst, quotes bool
}

type device struct {
	id, name        string
	curve, ed, sign string
}

// bridges are networks whose users come as ghosts of a bridge, with the prefix of their
// names and what follows it.
var bridges = []struct{ name, prefix, protocol string }{
	{"WhatsApp", "whatsapp_", "whatsapp"},
	{"Telegram", "telegram_", "telegram"},
	{"Signal", "signal_", "signal"},
	{"Discord", "_discord_", "discord"},
	{"IRC", "_irc_", "irc"},
	{"XMPP", "_xmpp_", "xmpp"},
}

// deviceNames are as clients call themselves.
var deviceNames = []string{
	"app.element.io: Chrome on Windows", "app.element.io: Firefox on Linux", "Element Desktop: macOS", "Element Android",
	"Element X iOS", "Element X Android", "Cinny Web", "FluffyChat android", "nheko Reborn", "Hydrogen", "gomuks", "weechat",
	"NeoChat", "SchildiChat", "matrix-nio", "mautrix-go", "Fractal", "",
}

// plainLatin spells a name in the letters that user names are made of.
var plainLatin = strings.NewReplacer(
	"ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è", "e", "ë", "e", "ï", "i", "ç", "c", "á", "a", "í", "i", "ó", "o", "ú", "u",
	"ñ", "n", "ã", "a", "ê", "e", "â", "a", "å", "a", "ø", "o", "æ", "ae", "ł", "l", "ż", "z", "ź", "z", "ś", "s", "ą", "a", "ę", "e", "ń", "n", "ć", "c",
	"ı", "i", "ğ", "g", "ş", "s", "č", "c", "š", "s", "ř", "r", "ž", "z", "ě", "e", "ý", "y", "ů", "u", "'", "", "_", "",
	"а", "a", "б", "b", "в", "v", "г", "g", "д", "d", "е", "e", "ё", "e", "ж", "zh", "з", "z", "и", "i", "й", "y", "к", "k", "л", "l", "м", "m", "н", "n",
	"о", "o", "п", "p", "р", "r", "с", "s", "т", "t", "у", "u", "ф", "f", "х", "h", "ц", "ts", "ч", "ch", "ш", "sh", "щ", "sch", "ъ", "", "ы", "y", "ь", "",
	"э", "e", "ю", "yu", "я", "ya", "і", "i", "ї", "yi", "є", "ye", "ґ", "g",
	"α", "a", "β", "v", "γ", "g", "δ", "d", "ε", "e", "ζ", "z", "η", "i", "θ", "th", "ι", "i", "κ", "k", "λ", "l", "μ", "m", "ν", "n", "ξ", "x", "ο", "o",
	"π", "p", "ρ", "r", "σ", "s", "ς", "s", "τ", "t", "υ", "y", "φ", "f", "χ", "ch", "ψ", "ps", "ω", "o",
	"ά", "a", "έ", "e", "ή", "i", "ί", "i", "ό", "o", "ύ", "y", "ώ", "o",
)

// syllables make user names of languages that are not written in letters.
var syllables = []string{"ka", "mi", "sa", "to", "yu", "ki", "ha", "ru", "na", "shi", "mo", "ri", "xi", "ao", "li", "wen", "jun", "ya", "fa", "ti", "ma", "no", "hu", "su"}

// localpart makes a user name out of a given name and a family name.
func localpart(s source, given, family string) string {
	g, f := plainLatin.Replace(strings.ToLower(given)), plainLatin.Replace(strings.ToLower(family))
	if !isASCII(g) || !isASCII(f) {
		g, f = "", ""
		for range s.between(2, 3) {
			g += pick(s, syllables)
		}
		f = pick(s, syllables) + pick(s, syllables)
	}
	switch s.IntN(9) {
	case 0:
		return g + "." + f
	case 1:
		return g[:1] + f
	case 2:
		return fmt.Sprintf("%s%d", g, s.between(1, 99))
	case 3:
		return fmt.Sprintf("%s_%d", g, s.between(1960, 2009))
	case 4:
		return g + "-" + f
	case 5:
		return f + "." + g[:1]
	case 6:
		return g + pick(s, []string{"matrix", "chat", "the", "dev", "sail", "hh", "x", "2"}) + s.letters(2, lower)
	case 7:
		return s.letters(2, lower) + s.letters(1, decimal) + s.letters(3, lower)
	}
	return g + f[:1]
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// newUser makes an account on a server.
func (w *world) newUser(server string, sp *speaker) *user {
	s := w.source
	given, family := pick(s, sp.names), strings.ReplaceAll(pick(s, sp.family), "_", " ")
	u := &user{server: server, speaker: sp, remote: server != w.server.Name}
	for u.local == "" || w.taken[u.local] {
		u.local = localpart(s, given, strings.ReplaceAll(family, " ", ""))
	}
	w.taken[u.local] = true
	u.id = "@" + u.local + ":" + server
	switch n := s.IntN(10); {
	case n < 3:
		u.display = given
	case n < 6:
		u.display = given + " " + family
	case n < 7:
		u.display = u.local
	case n < 8:
		u.display = given + pick(s, []string{" (on call)", " ⛵", " 🐧", " [she/her]", " | ops", " (away)", " 🇪🇺", " 73", " ☕"})
	case n < 9:
		u.display = strings.ToUpper(sp.callsign())
	}
	if s.percent(70) {
		u.avatar = w.mxc(server)
	}
	for range choose(s, []choice[int]{{60, 1}, {30, 2}, {10, 3}}) {
		u.devices = append(u.devices, w.newDevice())
	}
	u.master, u.self, u.signing = s.base64(32), s.base64(32), s.base64(32)
	u.masterSig, u.selfSig, u.sig = s.base64(64), s.base64(64), s.base64(64)
	u.reader, u.bodyFirst, u.quotes = s.percent(60), s.percent(50), s.percent(20)
	return u
}

func (w *world) newDevice() *device {
	s := w.source
	d := &device{name: pick(s, deviceNames), curve: s.base64(32), ed: s.base64(32), sign: s.base64(64)}
	if w.server.Software == Dendrite {
		d.id = s.base64url(6)
	} else {
		d.id = s.letters(10, upper)
	}
	return d
}

// newGhost makes the account that a bridge keeps for someone of another network.
func (w *world) newGhost(kind int, sp *speaker) *user {
	s, b := w.source, bridges[kind]
	u := &user{server: w.server.Name, speaker: sp, avatar: w.mxc(w.server.Name)}
	name := pick(s, sp.names)
	switch b.protocol {
	case "whatsapp":
		u.local = fmt.Sprintf("%s%d%s", b.prefix, pick(s, []int{49, 33, 34, 44, 55, 47, 380, 90, 1}), s.letters(9, decimal))
	case "telegram":
		u.local = b.prefix + s.letters(s.between(8, 10), decimal)
	case "signal":
		u.local = b.prefix + s.uuid()
	case "discord":
		u.local = b.prefix + s.letters(18, decimal)
	default:
		u.local = b.prefix + plainOr(strings.ToLower(name), s.letters(6, lower))
	}
	for w.taken[u.local] {
		u.local += s.letters(1, decimal)
	}
	w.taken[u.local] = true
	u.id = "@" + u.local + ":" + u.server
	u.display = fmt.Sprintf("%s (%s)", name, pick(s, []string{b.name, b.name[:2], b.protocol}))
	return u
}

func plainOr(name, otherwise string) string {
	if p := plainLatin.Replace(name); isASCII(p) {
		return p
	}
	return otherwise
}

// newBot makes the account of a program.
func (w *world) newBot(name string) *user {
	u := &user{server: w.server.Name, bot: true, speaker: w.speakers[0], display: strings.ToUpper(name[:1]) + name[1:]}
	u.local = name + pick(w.source, []string{"-bot", "bot", "_bot", "", "." + w.letters(2, lower)})
	for w.taken[u.local] {
		u.local += "2"
	}
	w.taken[u.local] = true
	u.id = "@" + u.local + ":" + u.server
	u.devices = []*device{w.newDevice()}
	if w.percent(50) {
		u.avatar = w.mxc(u.server)
	}
	return u
}

// mxc is the address of a new file in the media repository of a server.
func (w *world) mxc(server string) string {
	if server == w.server.Name && w.server.Software != Synapse {
		return "mxc://" + server + "/" + w.base64url(24)
	}
	if w.server.Traits.Sparse {
		return "mxc://" + server + "/" + w.hex(20) + w.letters(19, decimal)
	}
	return "mxc://" + server + "/" + w.letters(24, upper+lower)
}

// member is the content of the membership event of a user.
func (u *user) member(membership string) object {
	o := obj("membership", membership)
	if u.display != "" || u.avatar != "" {
		o = o.with("displayname", optional(u.display), "avatar_url", optional(u.avatar))
	}
	if u.display == "" && !u.remote {
		o = o.with("displayname", u.local)
	}
	return o
}
