package status

import (
	"strings"

	"github.com/coapgw/coapgw/coap"
)

// whatRows say what a request is for, by the end of its route; the first row that matches
// counts. Empty methods match all.
var whatRows = []struct{ method, route, words string }{
	{"PUT", "/send/{eventType}/{txnId}", "Sending a message"},
	{"PUT", "/sendToDevice/{eventType}/{txnId}", "Sending keys to a device"},
	{"GET", "/sync", "Waiting for news"},
	{"POST", "/sync", "Waiting for news"},
	{"GET", "/messages", "Loading older messages"},
	{"GET", "/members", "Loading the members of a room"},
	{"GET", "/joined_members", "Loading the members of a room"},
	{"GET", "/context/{eventId}", "Loading messages"},
	{"POST", "/keys/upload", "Uploading encryption keys"},
	{"POST", "/keys/query", "Asking for encryption keys"},
	{"POST", "/keys/claim", "Asking for encryption keys"},
	{"", "/room_keys/keys", "Key backup"},
	{"", "/room_keys/version", "Key backup"},
	{"GET", "/thumbnail/{serverName}/{mediaId}", "Loading a small picture"},
	{"GET", "/download/{serverName}/{mediaId}", "Loading a file"},
	{"GET", "/download/{serverName}/{mediaId}/{fileName}", "Loading a file"},
	{"POST", "/media/v3/upload", "Uploading a file"},
	{"POST", "/media/r0/upload", "Uploading a file"},
	{"PUT", "/typing/{userId}", "Telling that someone types"},
	{"POST", "/receipt/{receiptType}/{eventId}", "Telling what was read"},
	{"POST", "/read_markers", "Telling what was read"},
	{"PUT", "/status", "Telling who is there"},
	{"POST", "/login", "Logging in"},
	{"POST", "/register", "Registering"},
	{"POST", "/createRoom", "Creating a room"},
	{"POST", "/join", "Joining a room"},
	{"POST", "/join/{roomIdOrAlias}", "Joining a room"},
	{"POST", "/search", "Searching"},
	{"GET", "/profile/{userId}", "Loading a profile"},
	{"GET", "/pushrules/", "Loading settings"},
	{"GET", "/client/versions", "Asking what the server can do"},
	{"GET", "/capabilities", "Asking what the server can do"},
	{"PUT", "/state/{eventType}/{stateKey}", "Changing a room"},
}

// what says what a request is for.
func what(r coap.RequestName) string {
	for _, row := range whatRows {
		if (row.method == "" || row.method == r.Method) && strings.HasSuffix(r.Route, row.route) {
			return row.words
		}
	}
	if r.Method == "" {
		return "Receiving a request"
	}
	return r.Method + " " + r.Route
}
