// Package push holds the pushed /sync to what it promises, over whole pairs of gateways in
// virtual time: every event reaches the client once and in order, every send the homeserver
// once, whatever happens; an idle client costs nothing; news are there after what the link
// needs for them.
package push
