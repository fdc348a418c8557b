package policy

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Row says what becomes of a kind of request.
type Row struct {
	// Name is by what Override names the row.
	Name string
	// Method and Paths are which requests it is about. Paths are in segments: * stands for
	// one, and ... at the end for all that follow, or none.
	Method string
	Paths  []string
	// Actions are the defaults, by tier.
	Actions [tiers]Action
	// Seen is what a person notices of it.
	Seen string

	// same tells of requests that are merged which ones take each other's place.
	same sameness
	// bounded: the answer says itself how many seconds it holds ("ttl").
	bounded bool
	// media: the answers are files.
	media bool
}

const (
	second = time.Second
	minute = time.Minute
	hour   = time.Hour
)

func pass() Action                 { return Action{Pass, 0} }
func drop() Action                 { return Action{Drop, 0} }
func merge(d time.Duration) Action { return Action{Merge, d} }
func cache(d time.Duration) Action { return Action{Cache, d} }

// reads are the actions of a row whose answers are used again.
func reads(moderate, slow, slowest time.Duration) [tiers]Action {
	return [tiers]Action{pass(), cache(moderate), cache(slow), cache(slowest)}
}

// rows are all of them; the first one that matches counts. What no row matches passes.
// No row may match what must always cross, which neverRows names.
var rows = [...]Row{
	{
		Name: "typing", Method: http.MethodPut, Paths: []string{"/_matrix/client/*/rooms/*/typing/*"}, same: samePath,
		Actions: [tiers]Action{pass(), merge(3 * second), drop(), drop()},
		Seen:    "Others see nobody typing on slow links; on moderate ones up to 3 s late, and not at all who stops again by then.",
	},
	{
		Name: "presence", Method: http.MethodPut, Paths: []string{"/_matrix/client/*/presence/*/status"}, same: samePath,
		Actions: [tiers]Action{pass(), merge(minute), drop(), drop()},
		Seen:    "Others see on slow links neither who is online nor what they say of themselves; on moderate ones a minute late.",
	},
	{
		Name: "receipts", Method: http.MethodPost, Paths: []string{"/_matrix/client/*/rooms/*/receipt/*/*"}, same: sameReceipt,
		Actions: [tiers]Action{pass(), merge(5 * second), merge(30 * second), merge(2 * minute)},
		Seen:    "Others, and one's own other devices, see later what was read, and of several messages read meanwhile only the last.",
	},
	{
		Name: "read-markers", Method: http.MethodPost, Paths: []string{"/_matrix/client/*/rooms/*/read_markers"}, same: sameMembers,
		Actions: [tiers]Action{pass(), merge(5 * second), merge(30 * second), merge(2 * minute)},
		Seen:    "As with receipts; the line between read and unread moves later on one's other devices.",
	},
	{
		Name: "versions", Method: http.MethodGet, Paths: []string{"/_matrix/client/versions"},
		Actions: reads(hour, 6*hour, 24*hour),
		Seen:    "A client learns that late that the homeserver can do more, and does not see by this request that the link is down.",
	},
	{
		Name: "capabilities", Method: http.MethodGet, Paths: []string{"/_matrix/client/*/capabilities"},
		Actions: reads(hour, 6*hour, 24*hour),
		Seen:    "What the homeserver allows (a new password, room versions) is that old.",
	},
	{
		Name: "push-rules", Method: http.MethodGet, Paths: []string{"/_matrix/client/*/pushrules/..."},
		Actions: reads(10*minute, hour, 6*hour),
		Seen:    "A client that asks, instead of reading /sync, sees that late what was changed on another device; one's own changes at once.",
	},
	{
		Name: "turn-server", Method: http.MethodGet, Paths: []string{"/_matrix/client/*/voip/turnServer"}, bounded: true,
		Actions: reads(10*minute, hour, 6*hour),
		Seen:    "Nothing: the answer is used for half as long as it says that it holds, at most.",
	},
	{
		Name: "key-backup", Method: http.MethodGet, Paths: []string{"/_matrix/client/*/room_keys/version/..."},
		Actions: reads(10*minute, hour, 6*hour),
		Seen:    "A key backup that another device set up is noticed that late, or with the next key that is put into the old one. That there is none is asked each time.",
	},
	{
		Name: "profile", Method: http.MethodGet, Paths: []string{"/_matrix/client/*/profile/..."},
		Actions: reads(10*minute, hour, 6*hour),
		Seen:    "A name or avatar that a client asks for is that old; what rooms show comes by /sync.",
	},
	{
		Name: "media", Method: http.MethodGet, media: true, Paths: []string{
			"/_matrix/client/*/media/download/...", "/_matrix/client/*/media/thumbnail/...",
			"/_matrix/client/unstable/*/media/download/...", "/_matrix/client/unstable/*/media/thumbnail/...",
			"/_matrix/media/*/download/...", "/_matrix/media/*/thumbnail/...",
		},
		Actions: [tiers]Action{cache(Forever), cache(Forever), cache(Forever), cache(Forever)},
		Seen:    "Nothing, but that files and avatars seen before are there at once: media never change. One that was removed at the homeserver stays until it is forgotten here.",
	},
	{
		Name: "media-config", Method: http.MethodGet, Paths: []string{"/_matrix/client/*/media/config", "/_matrix/media/*/config"},
		Actions: reads(hour, 24*hour, 24*hour),
		Seen:    "The homeserver's limit for uploads is that old; it still decides itself.",
	},
	{
		Name: "protocols", Method: http.MethodGet, Paths: []string{"/_matrix/client/*/thirdparty/protocols", "/_matrix/client/*/thirdparty/protocol/*"},
		Actions: reads(hour, 24*hour, 24*hour),
		Seen:    "A new bridge is offered that late.",
	},
	{
		Name: "well-known", Method: http.MethodGet, Paths: []string{"/.well-known/matrix/client"},
		Actions: reads(hour, 24*hour, 24*hour),
		Seen:    "A new address of the homeserver is noticed that late; the link leads to the same one anyway.",
	},
}

// neverRows are requests of which each one crosses, whatever the table says.
var neverRows = [...]string{
	"/_matrix/client/*/sync", "/_matrix/client/unstable/*/sync",
	"/_matrix/client/*/login/...", "/_matrix/client/*/register/...", "/_matrix/client/*/account/...",
	"/_matrix/client/*/keys/...", "/_matrix/client/*/sendToDevice/...", "/_matrix/client/*/rooms/*/send/...",
	"/_matrix/client/*/logout/...", "/_matrix/client/*/refresh",
}

// Rows returns the table.
func Rows() []Row {
	t := slices.Clone(rows[:])
	for i := range t {
		t[i].Paths = slices.Clone(t[i].Paths)
	}
	return t
}

// Takes reports whether a row can have an action: what reads passes or is cached, what
// writes passes, is merged or is dropped; media are cached Forever or not at all.
func (r Row) Takes(a Action) bool {
	switch {
	case a.Verb == Pass:
		return true
	case r.media:
		return a == cache(Forever)
	case r.Method == http.MethodGet:
		return a.Verb == Cache && a.For != Forever
	}
	return a.Verb == Drop || a.Verb == Merge && a.For > 0 && a.For <= maxMerge
}

// Override is what becomes of the requests of some rows, by name, in place of the
// defaults. What names no row, or an action that it does not take, has no effect.
type Override map[string]Action

// ParseOverride reads settings of the form "typing=pass". The last one of a row counts.
func ParseOverride(settings []string) (Override, error) {
	o := Override{}
	for _, s := range settings {
		name, text, _ := strings.Cut(s, "=")
		i := slices.IndexFunc(rows[:], func(r Row) bool { return r.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("policy %q: use one of %s", s, strings.Join(names(), ", "))
		}
		a, err := ParseAction(text)
		if err != nil {
			return nil, fmt.Errorf("policy %q: %w", s, err)
		}
		if !rows[i].Takes(a) {
			return nil, fmt.Errorf("policy %q: not for %s", s, name)
		}
		o[name] = a
	}
	return o, nil
}

// String returns the settings that ParseOverride reads, in order, with commas between.
func (o Override) String() string {
	var s []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		s = append(s, name+"="+o[name].String())
	}
	return strings.Join(s, ",")
}

func names() []string {
	var n []string
	for _, r := range rows {
		n = append(n, r.Name)
	}
	return n
}

// Matches reports whether a row is about requests with an escaped path, by its Method.
func (r Row) Matches(escapedPath string) bool { return matchesAny(r.Paths, segments(escapedPath)) }
