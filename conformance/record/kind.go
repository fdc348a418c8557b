package main

import (
	"encoding/json"
	"net/http"
	"strings"
)

// kinds names exchanges by method and path after the version of the API. A star stands
// for one segment, two stars for the rest.
var kinds = map[string][]struct{ path, kind string }{
	http.MethodGet: {
		{"login", "login_flows"},
		{"register/available", "register_available"},
		{"capabilities", "capabilities"},
		{"account/whoami", "whoami"},
		{"account/3pid", "threepids"},
		{"pushrules/**", "pushrules"},
		{"pushers", "pushers"},
		{"notifications", "notifications"},
		{"user/*/filter/*", "filter_get"},
		{"user/*/account_data/*", "account_data_get"},
		{"user/*/rooms/*/account_data/*", "room_account_data_get"},
		{"user/*/rooms/*/tags", "tags"},
		{"rooms/*/messages", "messages"},
		{"rooms/*/context/*", "context"},
		{"rooms/*/event/*", "event"},
		{"rooms/*/members", "members"},
		{"rooms/*/joined_members", "joined_members"},
		{"rooms/*/state", "state"},
		{"rooms/*/state/**", "state_get"},
		{"rooms/*/aliases", "aliases"},
		{"rooms/*/relations/**", "relations"},
		{"rooms/*/threads", "threads"},
		{"rooms/*/hierarchy", "hierarchy"},
		{"rooms/*/timestamp_to_event", "timestamp_to_event"},
		{"room_summary/*", "room_summary"},
		{"im.nheko.summary/**", "room_summary"},
		{"joined_rooms", "joined_rooms"},
		{"publicRooms", "publicRooms"},
		{"directory/list/room/*", "directory_visibility"},
		{"directory/room/*", "directory"},
		{"profile/**", "profile_get"},
		{"presence/*/status", "presence_get"},
		{"devices", "devices"},
		{"devices/*", "device_get"},
		{"keys/changes", "keys_changes"},
		{"room_keys/version", "room_keys_version"},
		{"room_keys/version/*", "room_keys_version"},
		{"room_keys/keys/**", "room_keys_get"},
		{"voip/turnServer", "turn"},
		{"thirdparty/**", "thirdparty"},
		{"config", "media_config"},
		{"media/config", "media_config"},
		{"download/**", "media_download"},
		{"media/download/**", "media_download"},
		{"thumbnail/**", "media_thumbnail"},
		{"media/thumbnail/**", "media_thumbnail"},
		{"preview_url", "preview_url"},
		{"media/preview_url", "preview_url"},
		{"rtc/transports", "rtc_transports"},
		{"auth_metadata", "auth_metadata"},
		{"auth_issuer", "auth_metadata"},
		{"dehydrated_device", "dehydrated_device"},
	},
	http.MethodPost: {
		{"login", "login"},
		{"register", "register"},
		{"logout", "logout"},
		{"logout/all", "logout"},
		{"account/password", "password"},
		{"user/*/filter", "filter"},
		{"user/*/openid/request_token", "openid"},
		{"pushers/set", "pushers_set"},
		{"createRoom", "createRoom"},
		{"join/*", "join"},
		{"rooms/*/join", "join"},
		{"knock/*", "knock"},
		{"rooms/*/leave", "leave"},
		{"rooms/*/kick", "kick"},
		{"rooms/*/ban", "ban"},
		{"rooms/*/unban", "unban"},
		{"rooms/*/forget", "forget"},
		{"rooms/*/invite", "invite"},
		{"rooms/*/upgrade", "upgrade"},
		{"rooms/*/receipt/*/*", "receipt"},
		{"rooms/*/read_markers", "read_markers"},
		{"rooms/*/report/*", "report"},
		{"publicRooms", "publicRooms"},
		{"user_directory/search", "user_dir"},
		{"search", "search"},
		{"delete_devices", "device_delete"},
		{"keys/upload", "keys_upload"},
		{"keys/query", "keys_query"},
		{"keys/claim", "keys_claim"},
		{"keys/signatures/upload", "keys_signatures"},
		{"keys/device_signing/upload", "xsign"},
		{"room_keys/version", "room_keys_create"},
		{"upload", "media_upload"},
		{"create", "media_create"},
		{"sync", "sliding_sync"},
	},
	http.MethodPut: {
		{"pushrules/**", "pushrules_put"},
		{"user/*/account_data/*", "account_data"},
		{"user/*/rooms/*/account_data/*", "room_account_data"},
		{"user/*/rooms/*/tags/*", "tag_put"},
		{"rooms/*/state/**", "state_put"},
		{"rooms/*/redact/**", "redact"},
		{"rooms/*/typing/*", "typing"},
		{"directory/list/room/*", "directory_visibility_put"},
		{"directory/room/*", "directory_put"},
		{"profile/**", "profile_put"},
		{"presence/*/status", "presence"},
		{"devices/*", "device_put"},
		{"sendToDevice/*/*", "to_device"},
		{"room_keys/version/*", "room_keys_update"},
		{"room_keys/keys/**", "room_keys_put"},
		{"upload/*/*", "media_upload"},
	},
	http.MethodDelete: {
		{"pushrules/**", "pushrules_delete"},
		{"user/*/rooms/*/tags/*", "tag_delete"},
		{"directory/room/*", "directory_delete"},
		{"devices/*", "device_delete"},
		{"room_keys/version/*", "room_keys_delete"},
		{"room_keys/keys/**", "room_keys_delete"},
	},
}

// kindOf names an exchange as the recorded sessions do: after what it asks for, or
// after the error that it got.
func kindOf(method, path, query string, request []byte, status int, response []byte) string {
	kind := asked(method, path, query, request)
	if status < http.StatusBadRequest {
		return kind
	}
	var failure struct {
		Errcode string          `json:"errcode"`
		Flows   json.RawMessage `json:"flows"`
	}
	// What is no JSON has neither.
	_ = json.Unmarshal(response, &failure)
	switch {
	case status == http.StatusNotFound:
		return "err_notfound"
	case status == http.StatusForbidden:
		return "err_forbidden"
	case len(failure.Flows) > 0:
		return "err_" + kind + "_uia"
	case failure.Errcode != "":
		return "err_" + strings.ToLower(strings.TrimPrefix(failure.Errcode, "M_"))
	default:
		return "err_" + kind
	}
}

func asked(method, path, query string, request []byte) string {
	if strings.HasPrefix(path, "/.well-known/") {
		return "well_known"
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) < 3 || parts[0] != "_matrix" {
		return "other"
	}
	if parts = parts[2:]; len(parts) == 1 {
		return parts[0] // versions
	}
	if parts[0] == "unstable" && strings.Contains(parts[1], ".") {
		parts = parts[1:] // the prefix of a proposal stands for a version
	}
	parts = parts[1:]
	switch {
	case method == http.MethodGet && len(parts) == 1 && parts[0] == "sync":
		return syncKind(query)
	case method == http.MethodPut && len(parts) > 3 && parts[0] == "rooms" && parts[2] == "send":
		return sendKind(parts[3], request)
	}
	for _, row := range kinds[method] {
		if matches(strings.Split(row.path, "/"), parts) {
			return row.kind
		}
	}
	return "other"
}

func matches(pattern, parts []string) bool {
	for i, p := range pattern {
		switch {
		case p == "**":
			return true
		case i == len(parts) || p != "*" && p != parts[i]:
			return false
		}
	}
	return len(pattern) == len(parts)
}

// syncKind tells a sync that starts anew from one that goes on. What the recorded
// sessions call a full sync waits for nothing, having no token.
func syncKind(query string) string {
	if strings.HasPrefix(query, "since=") || strings.Contains(query, "&since=") {
		return "sync"
	}
	return "sync_full"
}

// sendKind names an event by its type, and a message by what it is besides.
func sendKind(eventType string, request []byte) string {
	switch eventType {
	case "m.room.encrypted":
		return "send_encrypted"
	case "m.reaction":
		return "send_reaction"
	case "m.room.message":
	default:
		return "send_other"
	}
	var message struct {
		Msgtype string `json:"msgtype"`
		Relates struct {
			Type  string          `json:"rel_type"`
			Reply json.RawMessage `json:"m.in_reply_to"`
		} `json:"m.relates_to"`
	}
	// What cannot be read is sent as a text all the same.
	_ = json.Unmarshal(request, &message)
	switch {
	case message.Relates.Type == "m.replace":
		return "send_edit"
	case message.Relates.Type == "m.thread", message.Relates.Type == "io.element.thread": // before 1.4
		return "send_thread"
	case len(message.Relates.Reply) > 0:
		return "send_reply"
	}
	switch message.Msgtype {
	case "m.file", "m.image", "m.audio", "m.video":
		return "send_file"
	case "m.location":
		return "send_location"
	case "m.notice":
		return "send_notice"
	case "m.emote":
		return "send_emote"
	default:
		return "send_text"
	}
}
