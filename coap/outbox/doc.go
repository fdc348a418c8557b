// Package outbox keeps messages that are to be sent until they are: Transport is an
// http.RoundTripper in front of the one that sends requests over the link. A PUT with a
// Matrix transaction id is made durable, then sent, and sent again
// after the link was away or the program restarted, whether its client is still there or
// not. All other requests pass through; they fail at once where the link does.
//
// No answer is ever made up. A client is held as long as it waits, or for Hold, and then
// told to come again; when it does, with the same request, it is held again or gets the
// answer that the homeserver gave meanwhile. So a client that keeps trying gets the true
// event id, and for one that does not, the message is sent all the same.
//
// Messages of a user to a room arrive in the order in which they were accepted, one at a
// time. Messages to devices of a user are in order too, and come before what the user
// sends to rooms after them: no message overtakes its room key.
//
// A homeserver executes a transaction once as long as it remembers its id. Package
// answers, at the other end of the link, remembers longer.
package outbox
