package fakehs

import "net/http"

// Where a route lives. The stable API is served under the old and the current prefix, as homeservers do.
func stable() []string  { return []string{"_matrix/client/r0", "_matrix/client/v3"} }
func client1() []string { return []string{"_matrix/client/v1"} }
func content() []string { return []string{"_matrix/media/r0", "_matrix/media/v3"} }

// openRoutes are the ones that need no access token.
func openRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, bases: []string{"_matrix/client"}, path: "versions", handle: versions, open: true},
		{method: get, bases: []string{"_matrix/key/v2"}, path: "server", handle: serverName, open: true},
		{method: get, bases: []string{".well-known/matrix"}, path: "client", handle: wellKnown, open: true},
		{method: get, bases: stable(), path: "login", handle: loginFlows, open: true},
		{method: post, bases: stable(), path: "login", handle: login, open: true},
		{method: post, bases: stable(), path: "register", handle: register, open: true},
		{method: get, bases: stable(), path: "register/available", handle: available, open: true},
		{method: get, bases: stable(), path: "profile/*", handle: getProfile, open: true},
		{method: get, bases: stable(), path: "profile/*/*", handle: getProfile, open: true},
		{method: get, bases: stable(), path: "directory/room/*", handle: getAlias, open: true},
		{method: get, bases: stable(), path: "publicRooms", handle: publicRooms, open: true},
		{method: get, bases: content(), path: "download/*/*", handle: download, open: true},
		{method: get, bases: content(), path: "download/*/*/*", handle: download, open: true},
		{method: get, bases: content(), path: "thumbnail/*/*", handle: download, open: true},
	}
}

// routes are the ones that need an access token.
func routes() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	media1 := []string{"_matrix/client/v1/media"}
	return []route{
		// Account and devices.
		{method: post, bases: stable(), path: "logout", handle: logout},
		{method: post, bases: stable(), path: "logout/all", handle: logoutAll},
		{method: get, bases: stable(), path: "account/whoami", handle: whoami},
		{method: get, bases: stable(), path: "account/3pid", handle: fixed(`{"threepids":[]}`)},
		{method: get, bases: stable(), path: "capabilities", handle: capabilities},
		{method: get, bases: stable(), path: "devices", handle: listDevices},
		{method: get, bases: stable(), path: "devices/*", handle: getDevice},
		{method: put, bases: stable(), path: "devices/*", handle: renameDevice},
		{method: del, bases: stable(), path: "devices/*", handle: deleteDevices},
		{method: post, bases: stable(), path: "delete_devices", handle: deleteDevices},
		{method: get, bases: stable(), path: "voip/turnServer", handle: fixed(`{}`)},
		{method: get, bases: stable(), path: "pushers", handle: fixed(`{"pushers":[]}`)},
		{method: get, bases: stable(), path: "notifications", handle: fixed(`{"notifications":[]}`)},
		{method: get, bases: stable(), path: "pushrules/", handle: pushRules},
		{method: get, bases: stable(), path: "pushrules", handle: pushRules},
		{method: put, bases: stable(), path: "profile/*/*", handle: putProfile},
		{method: get, bases: stable(), path: "presence/*/status", handle: getPresence},
		{method: put, bases: stable(), path: "presence/*/status", handle: putPresence},
		{method: post, bases: stable(), path: "user_directory/search", handle: searchUsers},
		{method: post, bases: stable(), path: "user/*/filter", handle: postFilter},
		{method: get, bases: stable(), path: "user/*/filter/*", handle: getFilter},
		{method: get, bases: stable(), path: "user/*/account_data/*", handle: getAccountData},
		{method: put, bases: stable(), path: "user/*/account_data/*", handle: putAccountData},
		{method: get, bases: stable(), path: "user/*/rooms/*/account_data/*", handle: getAccountData},
		{method: put, bases: stable(), path: "user/*/rooms/*/account_data/*", handle: putAccountData},
		{method: get, bases: stable(), path: "user/*/rooms/*/tags", handle: getTags},
		{method: put, bases: stable(), path: "user/*/rooms/*/tags/*", handle: putTag},
		{method: del, bases: stable(), path: "user/*/rooms/*/tags/*", handle: deleteTag},
		{method: get, bases: stable(), path: "sync", handle: syncAll},

		// Rooms and members.
		{method: post, bases: stable(), path: "createRoom", handle: createRoom},
		{method: post, bases: stable(), path: "publicRooms", handle: publicRooms},
		{method: put, bases: stable(), path: "directory/room/*", handle: putAlias},
		{method: del, bases: stable(), path: "directory/room/*", handle: deleteAlias},
		{method: get, bases: stable(), path: "joined_rooms", handle: joinedRooms},
		{method: post, bases: stable(), path: "join/*", handle: join},
		{method: post, bases: stable(), path: "rooms/*/join", handle: join},
		{method: post, bases: stable(), path: "rooms/*/leave", handle: leave},
		{method: post, bases: stable(), path: "rooms/*/forget", handle: forget},
		{method: post, bases: stable(), path: "rooms/*/invite", handle: changeOther("invite")},
		{method: post, bases: stable(), path: "rooms/*/kick", handle: changeOther("leave")},
		{method: post, bases: stable(), path: "rooms/*/ban", handle: changeOther("ban")},
		{method: post, bases: stable(), path: "rooms/*/unban", handle: changeOther("leave")},
		{method: get, bases: stable(), path: "rooms/*/members", handle: members},
		{method: get, bases: stable(), path: "rooms/*/joined_members", handle: joinedMembers},
		{method: get, bases: stable(), path: "rooms/*/aliases", handle: roomAliases},

		// Events.
		{method: put, bases: stable(), path: "rooms/*/send/*/*", handle: send},
		{method: put, bases: stable(), path: "rooms/*/redact/*/*", handle: redact},
		{method: get, bases: stable(), path: "rooms/*/state", handle: getState},
		{method: get, bases: stable(), path: "rooms/*/state/*", handle: getStateEvent},
		{method: get, bases: stable(), path: "rooms/*/state/*/*", handle: getStateEvent},
		{method: put, bases: stable(), path: "rooms/*/state/*", handle: putState},
		{method: put, bases: stable(), path: "rooms/*/state/*/*", handle: putState},
		{method: get, bases: stable(), path: "rooms/*/event/*", handle: getEvent},
		{method: get, bases: stable(), path: "rooms/*/messages", handle: messages},
		{method: get, bases: stable(), path: "rooms/*/context/*", handle: eventContext},
		{method: get, bases: client1(), path: "rooms/*/relations/*", handle: relations},
		{method: get, bases: client1(), path: "rooms/*/relations/*/*", handle: relations},
		{method: get, bases: client1(), path: "rooms/*/relations/*/*/*", handle: relations},
		{method: get, bases: client1(), path: "rooms/*/threads", handle: fixed(`{"chunk":[]}`)},
		{method: get, bases: client1(), path: "rooms/*/hierarchy", handle: hierarchy},
		{method: put, bases: stable(), path: "rooms/*/typing/*", handle: putTyping},
		{method: post, bases: stable(), path: "rooms/*/receipt/*/*", handle: postReceipt},
		{method: post, bases: stable(), path: "rooms/*/read_markers", handle: readMarkers},
		{method: post, bases: stable(), path: "search", handle: fixed(`{"search_categories":{"room_events":{"count":0,"highlights":[],"results":[]}}}`)},

		// End-to-end encryption.
		{method: post, bases: stable(), path: "keys/upload", handle: uploadKeys},
		{method: post, bases: stable(), path: "keys/query", handle: queryKeys},
		{method: post, bases: stable(), path: "keys/claim", handle: claimKeys},
		{method: get, bases: stable(), path: "keys/changes", handle: keyChanges},
		{method: post, bases: stable(), path: "keys/device_signing/upload", handle: uploadCrossSigning},
		{method: post, bases: stable(), path: "keys/signatures/upload", handle: uploadSignatures},
		{method: get, bases: stable(), path: "room_keys/version", handle: noKeyBackup},
		{method: put, bases: stable(), path: "sendToDevice/*/*", handle: sendToDevice},

		// Media.
		{method: post, bases: content(), path: "upload", handle: upload, upload: true},
		{method: get, bases: content(), path: "config", handle: mediaConfig},
		{method: get, bases: content(), path: "preview_url", handle: noPreview},
		{method: get, bases: media1, path: "download/*/*", handle: download},
		{method: get, bases: media1, path: "download/*/*/*", handle: download},
		{method: get, bases: media1, path: "thumbnail/*/*", handle: download},
		{method: get, bases: media1, path: "config", handle: mediaConfig},
		{method: get, bases: media1, path: "preview_url", handle: noPreview},
	}
}
