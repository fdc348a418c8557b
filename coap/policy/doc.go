// Package policy sees to it that a link carries what a person needs: of the chatter of
// a Matrix client it sends some later and in one, some not at all, and answers some from
// what the homeserver has said before. Transport is an http.RoundTripper in front of
// another one; which requests it treats how is a table (Rows), by the rate of the link.
//
// What is answered here is what the homeserver said: status, headers and body of an
// answer with status 200, to the same request of the same user. It is asked for again when
// it is as old as the table says, by a validator of coap.EntityTag, which costs a few
// bytes when nothing has changed. Requests that are held back or dropped are answered
// 200 and {}, which is what the homeserver says to them, and only to a user whose token
// the homeserver has lately taken: who was logged out is told so.
//
// Keys, logins, accounts and /sync are in no row: they always cross. Package gateway and
// whoever serves the far side use Limit, SyncCut and ReadPreferences of this package, so
// that both ends reckon alike.
//
// All is in memory. Of access tokens there are hashes, and the requests that are held
// back.
package policy
