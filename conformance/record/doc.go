// Command record records what real Matrix clients and a real homeserver say to each
// other, as traffic to train and to measure the compression model with.
//
// For every server of servers.json it starts Dendrite under that server's name, puts a
// reverse proxy of its own in front of it for each client, and lets the clients live
// through some days in minutes: accounts, rooms, long talk, encryption, everything
// around it. The clients are matrix-js-sdk with its Rust cryptography and
// matrix-bot-sdk, both in clients.mjs, and mautrix-go in bot.go. A file of JSON lines
// for each client ends up in the directory -out:
//
//	cd conformance/record
//	npm install --ignore-scripts --no-package-lock
//	go run -tags goolm . -out ../../testdata/corpus/recorded
//
// -servers takes a comma-separated list of names, all of servers.json by default.
//
// Access tokens are in headers, which are not recorded. Passwords and the tokens in
// responses to logins are those of homeservers that no longer exist.
package main
