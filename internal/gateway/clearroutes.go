package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/coapgw/coapgw/coap"
)

// On a link where encryption is forbidden (package integrity) everything is readable
// by everyone. What may go over it is on a list: a request that is not known to be free
// of credentials and of hidden content stays where it is.

// clearRoute is a request that may go on air. "*" is one segment of the path below
// /_matrix/client/{version}.
type clearRoute struct {
	methods string
	path    string
}

var clearRoutes = []clearRoute{
	{"GET", "account/whoami"},
	{"GET", "capabilities"},
	{"POST", "createRoom"},
	{"GET", "devices"},
	{"GET PUT", "devices/*"},
	{"GET", "directory/list/room/*"},
	{"GET PUT DELETE", "directory/room/*"},
	{"POST", "join/*"},
	{"GET", "joined_rooms"},
	{"POST", "knock/*"},
	{"GET", "notifications"},
	{"GET PUT", "presence/*/status"},
	{"GET", "profile/*"},
	{"GET PUT DELETE", "profile/*/*"},
	{"GET POST", "publicRooms"},
	{"GET", "pushrules"},
	{"GET", "pushrules/"},
	{"GET PUT DELETE", "pushrules/*/*/*"},
	{"GET PUT", "pushrules/*/*/*/*"},
	{"GET", "rooms/*/aliases"},
	{"POST", "rooms/*/ban"},
	{"GET", "rooms/*/context/*"},
	{"GET", "rooms/*/event/*"},
	{"POST", "rooms/*/forget"},
	{"GET", "rooms/*/hierarchy"},
	{"POST", "rooms/*/invite"},
	{"POST", "rooms/*/join"},
	{"GET", "rooms/*/joined_members"},
	{"POST", "rooms/*/kick"},
	{"POST", "rooms/*/leave"},
	{"GET", "rooms/*/members"},
	{"GET", "rooms/*/messages"},
	{"POST", "rooms/*/read_markers"},
	{"POST", "rooms/*/receipt/*/*"},
	{"PUT", "rooms/*/redact/*/*"},
	{"GET", "rooms/*/relations/*"},
	{"GET", "rooms/*/relations/*/*"},
	{"GET", "rooms/*/relations/*/*/*"},
	{"POST", "rooms/*/report/*"},
	{"PUT", "rooms/*/send/*/*"},
	{"GET", "rooms/*/state"},
	{"GET PUT", "rooms/*/state/*"},
	{"GET PUT", "rooms/*/state/*/*"},
	{"GET", "rooms/*/threads"},
	{"GET", "rooms/*/timestamp_to_event"},
	{"PUT", "rooms/*/typing/*"},
	{"POST", "rooms/*/unban"},
	{"POST", "rooms/*/upgrade"},
	{"POST", "search"},
	{"GET", "sync"},
	{"GET PUT", "user/*/account_data/*"},
	{"POST", "user/*/filter"},
	{"GET", "user/*/filter/*"},
	{"GET PUT", "user/*/rooms/*/account_data/*"},
	{"GET", "user/*/rooms/*/tags"},
	{"PUT DELETE", "user/*/rooms/*/tags/*"},
	{"POST", "user_directory/search"},
}

// clearMedia are the requests whose content is not JSON, below
// /_matrix/media/{version} or /_matrix/client/{version}/media.
var clearMedia = []clearRoute{
	{"GET", "config"},
	{"GET", "download/*/*"},
	{"GET", "download/*/*/*"},
	{"GET", "thumbnail/*/*"},
	{"POST", "upload"},
}

// Why a request does not go on air, for a person to read.
const (
	whyCredential = "this link is readable by everyone, so no password or token goes over it"
	whySecrecy    = "encryption is forbidden on this link: only what everyone may read goes over it"
	whyUnknown    = "this link is readable by everyone, and it is not known that this request holds no secret"
)

// clearRefusal gives a refused request a better reason than that it is on no list.
type clearRefusal struct{ path, why string }

// clearRefusals are beginnings of paths, as in clearRoute.
var clearRefusals = []clearRefusal{
	{"login", whyCredential},
	{"register", whyCredential},
	{"refresh", whyCredential},
	{"logout", whyCredential},
	{"account", whyCredential},
	{"auth", whyCredential},
	{"devices", whyCredential}, // to delete one takes the password
	{"delete_devices", whyCredential},
	{"pushers", whyCredential},
	{"user/*/openid", whyCredential},
	{"voip", whyCredential},
	{"keys", whySecrecy},
	{"room_keys", whySecrecy},
	{"sendToDevice", whySecrecy},
}

// clearKind says how the content of a request that may go on air is looked at.
type clearKind uint8

const (
	clearJSON clearKind = iota
	clearSync
	clearUpload
	clearDownload
)

// clearTarget is what a path means.
type clearTarget struct {
	kind clearKind
	// eventType is the type of the event, state or account data that the path names.
	eventType string
}

// routeClear finds out what a request means, or why it is refused.
func routeClear(method string, u *url.URL) (clearTarget, *coap.Error) {
	segments, ok := pathSegments(u)
	if !ok {
		return clearTarget{}, notClear(whyUnknown)
	}
	full := strings.Join(segments, "/")
	if method == http.MethodGet && (full == "_matrix/client/versions" || full == ".well-known/matrix/client") {
		return clearTarget{}, nil
	}
	if len(segments) < 4 || segments[0] != "_matrix" || !slices.Contains([]string{"r0", "v1", "v3"}, segments[2]) {
		return clearTarget{}, notClear(whyUnknown)
	}
	rest := segments[3:]
	switch {
	case segments[1] == "media":
		return routeMedia(method, rest)
	case segments[1] != "client":
		return clearTarget{}, notClear(whyUnknown)
	case rest[0] == "media":
		return routeMedia(method, rest[1:])
	}
	for _, r := range clearRoutes {
		if r.matches(method, rest) {
			return clearTarget{kindOf(rest), eventTypeOf(rest)}, nil
		}
	}
	for _, r := range clearRefusals {
		if n := strings.Count(r.path, "/") + 1; len(rest) >= n && matchSegments(r.path, rest[:n]) {
			return clearTarget{}, notClear(r.why)
		}
	}
	return clearTarget{}, notClear(whyUnknown)
}

func routeMedia(method string, rest []string) (clearTarget, *coap.Error) {
	for _, r := range clearMedia {
		if !r.matches(method, rest) {
			continue
		}
		switch rest[0] {
		case "upload":
			return clearTarget{kind: clearUpload}, nil
		case "config":
			return clearTarget{}, nil
		}
		return clearTarget{kind: clearDownload}, nil
	}
	return clearTarget{}, notClear(whyUnknown)
}

func (r clearRoute) matches(method string, segments []string) bool {
	return slices.Contains(strings.Fields(r.methods), method) && matchSegments(r.path, segments)
}

func matchSegments(pattern string, segments []string) bool {
	want := strings.Split(pattern, "/")
	if len(want) != len(segments) {
		return false
	}
	for i, w := range want {
		// The last one may be empty, as state keys often are.
		if w != segments[i] && (w != "*" || segments[i] == "" && i < len(want)-1) {
			return false
		}
	}
	return true
}

func kindOf(rest []string) clearKind {
	if rest[0] == "sync" {
		return clearSync
	}
	return clearJSON
}

// eventTypeOf returns the type that a path of the list names.
func eventTypeOf(rest []string) string {
	for _, at := range []int{2, 4} { // rooms/*/send/TYPE, user/*/rooms/*/account_data/TYPE
		if at+1 < len(rest) && slices.Contains([]string{"send", "state", "account_data"}, rest[at]) {
			return rest[at+1]
		}
	}
	return ""
}

// pathSegments takes a path apart as a homeserver does: at the slashes first, then the
// escapes. Two servers may understand "." and ".." differently, so they are refused.
func pathSegments(u *url.URL) (segments []string, ok bool) {
	escaped, rooted := strings.CutPrefix(u.EscapedPath(), "/")
	if !rooted {
		return nil, false
	}
	for s := range strings.SplitSeq(escaped, "/") {
		plain, err := url.PathUnescape(s)
		if err != nil || plain == "." || plain == ".." {
			return nil, false
		}
		segments = append(segments, plain)
	}
	return segments, true
}

// notClear is the answer to a request that must not go on air.
func notClear(why string) *coap.Error {
	if why == whyUnknown {
		return &coap.Error{Status: http.StatusNotFound, ErrCode: "M_UNRECOGNIZED", Message: why}
	}
	return &coap.Error{Status: http.StatusForbidden, ErrCode: "M_FORBIDDEN", Message: why}
}
