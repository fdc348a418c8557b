// Package answers keeps what was answered to requests with a transaction id, beyond the
// life of the process: Book holds answers in a session.Store, Handler is an http.Handler
// that answers a repeated request from one.
//
// A homeserver executes a transaction once as long as it remembers its id; many forget
// at a restart, and a request may come again over a bad link hours later. Handler stands
// between the link and the homeserver and has the answer in its Book before the link
// gets it: what was executed and answered once is never asked again.
//
// Only answers that say that something was done (2xx) are kept. A refusal did nothing,
// so that it may be asked again without harm, and it may be another one by then: clients
// send a refused message again under the same id once the person was invited.
//
// An answer is found by a hash of the user (access token and identity of the peer),
// method, path, query and body. Other users never find it. In memory are hashes and
// sizes; the store encrypts the rest.
package answers
