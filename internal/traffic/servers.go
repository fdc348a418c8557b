package traffic

// Software is what a homeserver runs; it decides the shape of bodies and tokens.
type Software string

// The makes of homeservers.
const (
	Synapse  Software = "synapse"
	Dendrite Software = "dendrite"
	Conduit  Software = "conduit"
)

// Server is one homeserver, with what makes its traffic its own.
type Server struct {
	Name     string
	Software Software
	// HeldOut servers are for measuring alone: nothing may learn from them.
	HeldOut bool
	// Languages are spoken there, the first most.
	Languages []string
	// Versions are those of its rooms.
	Versions []string
	// Clients has a row name of clients for each session.
	Clients []string
	// Start is when its first session begins, in seconds since 1970.
	Start int64
	// Busy is how far its streams advance between two syncs of one user, at most.
	Busy int
	// Peers are servers whose users are in its rooms.
	Peers []string
	// Traits are details in which installations of one software differ.
	Traits Traits
}

// Traits are details in which installations of one software differ, by age and settings.
type Traits struct {
	// Membership: events say whether the user was a member then (MSC4115).
	Membership bool
	// EarlyID: event_id precedes origin_server_ts.
	EarlyID bool
	// Sorted: all keys are sorted, as by old versions and some proxies.
	Sorted bool
	// Numbers is how many numbers are in a sync token.
	Numbers int
	// Presence is sent.
	Presence bool
	// Sparse: empty lists are left out of rooms.
	Sparse bool
}

// Servers are all homeservers. Those held out are the last rows.
func Servers() []Server { return servers }

var (
	young  = Traits{Membership: true, Numbers: 10}
	active = Traits{Membership: true, Numbers: 10, Presence: true}
	older  = Traits{Numbers: 9, Presence: true}
	early  = Traits{Membership: true, EarlyID: true, Numbers: 10}
	tidy   = Traits{Membership: true, Numbers: 11, Sparse: true}
	sorted = Traits{Sorted: true, Numbers: 8, Presence: true}
	plain  = Traits{}
	social = Traits{Presence: true}
)

var servers = []Server{
	{"matrix.org", Synapse, false, []string{"en", "de", "fr", "ru"}, []string{"6", "9", "10", "11"}, []string{"element-web", "element-x", "element-android"}, 1700000000, 4000, []string{"kde.org", "gnome.org", "t2bot.io", "tchncs.de"}, young},
	{"kde.org", Synapse, false, []string{"en", "es", "de"}, []string{"5", "6", "10"}, []string{"neochat", "element-web", "mautrix"}, 1712345678, 300, []string{"matrix.org", "opensuse.org", "libera.chat"}, young},
	{"tchncs.de", Synapse, false, []string{"de", "en"}, []string{"9", "10", "11", "12"}, []string{"element-x", "cinny", "fluffychat"}, 1751000000, 900, []string{"matrix.org", "nitro.chat", "envs.net"}, early},
	{"matrix.club-radio.fr", Synapse, false, []string{"fr", "en"}, []string{"10"}, []string{"element-web", "hydrogen", "script"}, 1689123456, 12, []string{"matrix.org", "f4abc.radio"}, active},
	{"talk.puerto.es", Dendrite, false, []string{"es"}, []string{"9", "10"}, []string{"element-android", "nio"}, 1727272727, 20, []string{"barcos.cat"}, social},
	{"hs.skipper.boats", Dendrite, false, []string{"en", "nl"}, []string{"10", "11"}, []string{"element-web", "script", "mautrix"}, 1745678901, 8, []string{"matrix.org", "zeilen.nl"}, plain},
	{"matrix.kommune.no", Synapse, false, []string{"no", "en"}, []string{"10", "11"}, []string{"element-x", "element-web", "bot-sdk"}, 1738111222, 40, []string{"fylke.no"}, tidy},
	{"im.mura.jp", Synapse, false, []string{"ja", "en"}, []string{"6", "10"}, []string{"element-web", "cinny", "element-x"}, 1719191919, 60, []string{"matrix.org", "shima.jp"}, young},
	{"chat.harbour.cn", Conduit, false, []string{"zh", "en"}, []string{"9", "10"}, []string{"cinny", "element-android"}, 1730303030, 4, []string{"matrix.org"}, plain},
	{"conduit.rs", Conduit, false, []string{"en", "pt"}, []string{"10", "11"}, []string{"element-web", "nheko", "bot-sdk"}, 1741414141, 30, []string{"matrix.org", "famedly.de"}, social},
	{"mozilla.org", Synapse, false, []string{"en", "fr", "pl"}, []string{"1", "5", "6", "9"}, []string{"element-web", "bot-sdk", "weechat"}, 1664000000, 800, []string{"matrix.org", "kde.org"}, older},
	{"home.lan", Synapse, false, []string{"it", "en"}, []string{"10", "11"}, []string{"script", "element-x", "nio"}, 1747747747, 1, nil, young},
	{"messenger.schule-nord.de", Synapse, false, []string{"de"}, []string{"9", "10"}, []string{"fluffychat", "element-web"}, 1693939393, 120, []string{"schule-sued.de"}, sorted},
	{"svyaz.ru", Synapse, false, []string{"ru", "uk"}, []string{"6", "10"}, []string{"element-android", "element-web", "weechat"}, 1708080808, 70, []string{"matrix.org", "pereval.kg"}, active},
	{"dopomoha.ua", Synapse, false, []string{"uk", "pl", "en"}, []string{"10", "11"}, []string{"element-x", "element-web", "mautrix"}, 1743000111, 50, []string{"pomoc.pl"}, early},
	{"synapse.uni-lund.se", Synapse, false, []string{"sv", "en"}, []string{"9", "10"}, []string{"cinny", "hydrogen"}, 1716161616, 90, []string{"uio.no", "matrix.org"}, older},
	{"marinha.pt", Dendrite, false, []string{"pt", "en"}, []string{"10"}, []string{"cinny", "element-web"}, 1733221100, 15, []string{"porto.pt"}, social},
	{"liman.com.tr", Synapse, false, []string{"tr", "en"}, []string{"10"}, []string{"element-web", "script"}, 1749494949, 25, []string{"matrix.org"}, young},
	{"bayt.lb", Conduit, false, []string{"ar", "fr"}, []string{"10"}, []string{"element-android", "fluffychat"}, 1752525252, 6, []string{"dar.tn"}, plain},
	{"nisi.gr", Synapse, false, []string{"el", "en"}, []string{"10", "11"}, []string{"element-x", "nheko"}, 1735353535, 18, []string{"matrix.org"}, young},
	{"mokki.fi", Synapse, false, []string{"fi", "sv"}, []string{"9", "11"}, []string{"nheko", "element-web"}, 1740404040, 22, []string{"kapsi.org"}, tidy},
	{"vodaci.cz", Conduit, false, []string{"cs"}, []string{"10", "11"}, []string{"nio", "cinny"}, 1728282828, 9, []string{"matrix.org"}, social},
	{"ops.freight.example", Synapse, false, []string{"en", "pl", "tr"}, []string{"10", "11", "12"}, []string{"bot-sdk", "mautrix", "element-x"}, 1754545454, 200, []string{"carrier.example", "depot.example"}, young},
	{"bridge.house", Synapse, false, []string{"en", "it", "es"}, []string{"9", "10", "11"}, []string{"element-web", "mautrix", "element-x"}, 1737373737, 150, []string{"t2bot.io", "matrix.org"}, active},

	{"chat.nordhavn.dk", Synapse, true, []string{"en", "no"}, []string{"10", "11"}, []string{"element-web", "element-x", "script"}, 1742424242, 45, []string{"sund.dk", "oresund.net"}, young},
	{"matrix.hafenfunk.at", Synapse, true, []string{"de", "en"}, []string{"9", "10", "12"}, []string{"element-web", "cinny", "element-android"}, 1748888888, 160, []string{"donau.at", "seefunk.ch"}, active},
	{"salon.bretagne.bzh", Synapse, true, []string{"fr", "en"}, []string{"6", "10"}, []string{"element-web", "fluffychat"}, 1699111111, 30, []string{"golfe.bzh"}, early},
	{"rada.mx", Dendrite, true, []string{"es", "en"}, []string{"10", "11"}, []string{"element-android", "mautrix"}, 1744123123, 14, []string{"costa.mx"}, social},
	{"relay.icefield.is", Conduit, true, []string{"en", "sv"}, []string{"10", "11"}, []string{"cinny", "nio"}, 1753030303, 7, []string{"fjord.is"}, plain},
	{"minato.tokyo", Synapse, true, []string{"ja", "zh"}, []string{"10"}, []string{"element-x", "element-web"}, 1746060606, 75, []string{"kawa.tokyo"}, young},
	{"pivnich.net", Synapse, true, []string{"uk", "ru", "pl"}, []string{"10", "11"}, []string{"element-web", "hydrogen"}, 1750101010, 35, []string{"zakhid.net"}, tidy},
	{"laguna.it", Synapse, true, []string{"it", "pt", "el"}, []string{"9", "10"}, []string{"bot-sdk", "element-web", "element-x"}, 1739999999, 110, []string{"scoglio.it"}, older},
}
