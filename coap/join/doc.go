// Package join finishes what an HTTP client gave up on, and has the answer ready
// when the client asks again: clients wait half a minute, and a message takes a
// minute or more on a slow link. Transport wraps the http.RoundTripper that sends
// requests over the link; identical requests share one exchange there.
//
// Requests are identical when user, method, path and query (byte for byte), body and
// the headers that change an answer are. Only two kinds are ever joined:
//
//   - GET, which is safe to ask once instead of twice (RFC 9110 §9.2.1).
//   - PUT with a Matrix transaction id, which a homeserver executes once and
//     answers alike each time (CS API, "Transaction identifiers").
//
// A POST may mean two things when it comes twice. Any other PUT sets a value that
// somebody else may have changed since it was asked for the first time; a join would
// drop the second request in silence. Both go on the link each time, and end with
// their client.
//
// An answer is kept for a retry only when no client got it whole, for Keep. A GET
// that comes after an answer was delivered is a new question. After a request of the
// user that may have changed something, what was read before is neither kept nor
// joined any more, but for /sync, whose answers name their place in a stream, and
// media, which never change. The answer to a transaction is kept even when it was
// delivered: a client may have gone while the last bytes were on their way to it,
// and the homeserver would say the same again. 401, 429 and 5xx are answers for now
// and never kept. 401 and a logout end all that is kept for a user.
//
// Nothing is written to disk. Of users only hashes are kept, of access tokens
// nothing that outlives the exchange.
package join
