// Package status is the page on which a person sees what the link does: whether it is up,
// what is on its way and how long that still takes, what it has cost today and what HTTPS
// would have cost, and what went wrong. The same is there as JSON, and beside it are
// metrics and probes.
//
// The page needs no JavaScript for its numbers, which only keeps them fresh, and loads
// nothing from elsewhere. It is meant for loopback; on any other address it wants TLS and a
// token. It names rooms and users by their paths, and so is not for strangers.
package status
