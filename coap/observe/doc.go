// Package observe pushes /sync instead of letting it be polled over the link (RFC 7641).
//
// At the homeserver's side Push polls for an observer that is a coapgw too, and Follow for
// any other. At the client's side Syncer answers the polls of an unmodified Matrix client
// out of what was pushed.
//
// A homeserver forgets to-device messages, room keys among them, when it is polled past
// them. So its cursor moves only when what came before is safe at the other end: a
// notification is acknowledged there once it is in a store, or the client has come back for
// what follows it.
package observe
