package traffic

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// client is a make of client: what it asks for and how it writes it.
type client struct {
	name   string
	base   string // version in paths
	device string // what it calls itself
	escape func(string) string
	txn    func(s *session) string
	// query of /sync, from the filter and the token.
	query  func(s *session, timeout int) string
	filter raw // what it registers as filter, "" for none
	// what it does and does not
	crypto, typing, markers, threads, stateAfter, sliding, sorted, bot, presence bool
}

// clients by name.
var clients = map[string]client{
	"element-web": {
		base: "v3", device: "app.element.io: Firefox on Linux", escape: escapeJS, txn: txnJS, query: queryJS, filter: filterElement,
		crypto: true, typing: true, markers: true, threads: true, stateAfter: true,
	},
	"cinny": {
		base: "v3", device: "Cinny Web", escape: escapeJS, txn: txnJS, query: queryJS, filter: `{"room":{"state":{"lazy_load_members":true}}}`,
		crypto: true, typing: true,
	},
	"element-x": {
		base: "v3", device: "Element X Android", escape: escapeRuma, txn: txnRuma, query: querySorted,
		crypto: true, typing: true, threads: true, sliding: true,
	},
	"element-android": {
		base: "r0", device: "Element Android", escape: escapeJava, txn: func(s *session) string { return "$local." + s.uuid() },
		query: func(s *session, timeout int) string {
			return "filter=" + s.filterID + ifSet("&since=", s.since) + fmt.Sprintf("&timeout=%d&set_presence=%s", timeout, pick(s.source, []string{"online", "online", "unavailable"}))
		},
		filter: `{"room":{"state":{"lazy_load_members":true},"timeline":{"limit":20,"unread_thread_notifications":true}}}`,
		crypto: true, typing: true, markers: true,
	},
	"fluffychat": {
		base: "v3", device: "FluffyChat android", escape: escapeJS, txn: func(s *session) string {
			return fmt.Sprintf("FluffyChat%%20android-%d-%d", s.sent, s.now)
		},
		query: func(s *session, timeout int) string {
			return fmt.Sprintf("filter=%s%s&timeout=%d&set_presence=online", s.filterID, ifSet("&since=", escapeJS(s.since)), timeout)
		},
		filter: `{"room":{"include_leave":true,"state":{"lazy_load_members":true}}}`,
		crypto: true, typing: true, markers: true,
	},
	"hydrogen": {
		base: "r0", device: "Hydrogen", escape: escapeJS, txn: txnHydrogen,
		query: func(s *session, timeout int) string {
			return strings.TrimPrefix(ifSet("&since=", s.since)+fmt.Sprintf("&timeout=%d&filter=%s", timeout, s.filterID), "&")
		},
		filter: `{"room":{"state":{"lazy_load_members":true}}}`,
		crypto: true,
	},
	"nio": {
		base: "r0", device: "matrix-nio", escape: escapePython, txn: (*session).uuidTxn,
		query: func(s *session, timeout int) string {
			return strings.TrimPrefix(ifSet("&since=", s.since)+fmt.Sprintf("&timeout=%d", timeout)+ifSet("&filter=", s.filterID), "&")
		},
		filter: `{"room":{"timeline":{"limit":10}},"presence":{"types":[]}}`,
		crypto: true, sorted: true,
	},
	"mautrix": {
		base: "v3", device: "mautrix-go", escape: escapeGo, txn: func(s *session) string {
			return fmt.Sprintf("mautrix-go_%d_%d", s.now*1000000+s.Int64N(1000000), s.sent)
		},
		query: querySorted, filter: `{"account_data":{"limit":20},"presence":{"not_types":["*"]},"room":{"ephemeral":{"types":["m.receipt","m.typing"]},"timeline":{"limit":50}}}`,
		crypto: true, bot: true,
	},
	"bot-sdk": {
		base: "v3", device: "", escape: escapeJS, txn: func(s *session) string { return fmt.Sprintf("%d__inc%d", s.now, s.sent) },
		query: func(s *session, timeout int) string {
			return fmt.Sprintf("full_state=false&timeout=%d%s&filter=%s", timeout, ifSet("&since=", s.since), s.filterID)
		},
		filter: `{"room":{"timeline":{"limit":10}}}`,
		bot:    true,
	},
	"nheko": {
		base: "v3", device: "nheko Reborn", escape: escapePython, txn: func(s *session) string {
			return fmt.Sprintf("m%d%s", s.now*1000+s.Int64N(1000), s.letters(10, upper+lower+decimal))
		},
		query: querySorted, filter: `{"room":{"timeline":{"limit":50,"unread_thread_notifications":true},"state":{"lazy_load_members":true}}}`,
		crypto: true, typing: true, markers: true, sorted: true, presence: true,
	},
	"neochat": {
		base: "v3", device: "NeoChat", escape: escapePython, txn: func(s *session) string { return fmt.Sprintf("%d%d", s.now, s.sent) },
		query:  querySorted,
		filter: `{"room":{"state":{"lazy_load_members":true},"timeline":{"limit":100}}}`,
		crypto: true, typing: true,
	},
	"weechat": {
		base: "r0", device: "weechat", escape: escapePython, txn: (*session).uuidTxn,
		query:  querySorted,
		filter: `{"presence":{"types":["m.presence"]},"room":{"state":{"lazy_load_members":true},"timeline":{"limit":100}}}`,
		typing: true, markers: true, presence: true,
	},
	"script": {
		base: "v3", device: "", escape: escapeGo, txn: func(s *session) string { return fmt.Sprint(s.sent) },
		query: querySorted,
	},
}

func init() {
	for name, c := range clients {
		c.name = name
		clients[name] = c
	}
}

const filterElement = `{"room":{"timeline":{"limit":20,"unread_thread_notifications":true},"state":{"lazy_load_members":true}}}`

func ifSet(prefix, value string) string {
	if value == "" {
		return ""
	}
	return prefix + value
}

func txnJS(s *session) string { return fmt.Sprintf("m%d.%d", s.now, s.sent) }

// txnHydrogen has a random number below 2^53.
func txnHydrogen(s *session) string {
	b := s.bytes(7)
	b[0] &= 0x1f
	return "t" + hex.EncodeToString(b)
}

func (s *session) uuidTxn() string { return s.uuid() }

// txnRuma is a UUID without hyphens.
func txnRuma(s *session) string { return strings.ReplaceAll(s.uuid(), "-", "") }

func queryJS(s *session, timeout int) string {
	q := fmt.Sprintf("filter=%s&timeout=%d", s.filterID, timeout)
	if s.client.stateAfter {
		q += "&org.matrix.msc4222.use_state_after=true"
	}
	if s.since == "" {
		return q + fmt.Sprintf("&_cacheBuster=%d", s.now)
	}
	return q + "&since=" + s.since
}

// querySorted has the parameters in the order of their names.
func querySorted(s *session, timeout int) string {
	var all []string
	if s.filterID != "" {
		all = append(all, "filter="+s.filterID)
	}
	if s.client.presence {
		all = append(all, "set_presence=online")
	}
	if s.since != "" {
		all = append(all, "since="+s.since)
	}
	return strings.Join(append(all, fmt.Sprintf("timeout=%d", timeout)), "&")
}

// escapeJS is encodeURIComponent.
func escapeJS(s string) string { return escape(s, "-_.~!*'()") }

// escapeGo is url.PathEscape.
func escapeGo(s string) string { return escape(s, "-_.~$&+=:@") }

// escapePython is quote with no safe characters.
func escapePython(s string) string { return escape(s, "-_.~") }

// escapeRuma is what Ruma escapes in segments of paths.
func escapeRuma(s string) string { return escape(s, "-_.~!$&'()*+,;=:@|[]^\\") }

// escapeJava is what OkHttp escapes in segments of paths.
func escapeJava(s string) string { return escape(s, "-_.~!$&'()*+,;=:@") }

func escape(s, keep string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(keep, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// plainTxn is a transaction ID as the server sees it.
func plainTxn(escaped string) string { return strings.ReplaceAll(escaped, "%20", " ") }
