// Package tokens follows the access tokens that a homeserver renews (CS API, "Refreshing
// access tokens", "Soft logout"). Lineage is in the way of requests and learns from what the
// homeserver itself answers which tokens are one device's, one after the other, so that what
// was kept for one is there for the next.
//
// Nothing else makes two tokens the same device's: not the request, and not the client. A
// token counts no more once its client has used the one that follows it.
package tokens
