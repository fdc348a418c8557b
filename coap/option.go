package coap

import "github.com/coapgw/coapgw/coap/endpoint"

// Options of MSC3079. By its number 256 is elective and safe to forward although
// the proposal says otherwise; 257 is critical, so that a peer which does not know
// the proposal answers 4.02.
const (
	// OptionAccessToken carries the access token, with or without "Bearer ".
	OptionAccessToken endpoint.OptionNumber = 256
	// OptionVersion carries the version of the CBOR keys and path enums, an
	// unsigned integer. This package speaks version 1.
	OptionVersion endpoint.OptionNumber = 257
)

// Options that two coapgw use between each other. Odd numbers are critical: they
// stand where ignoring the option would change what the request means. The
// numbers sit right behind those of MSC3079, so that each costs one or two bytes
// of header.
const (
	// OptionSlot names the token slot that a request uses, 0 to 2 bytes; 0 means
	// "no token". Its absence means slot 1. Together with OptionAccessToken it
	// defines the slot.
	OptionSlot endpoint.OptionNumber = 259
	// OptionGateway says "I am a coapgw": a byte with the level of these rules, then
	// the link where the other end cannot know it. An empty value asks the peer who
	// it is and nothing else.
	OptionGateway endpoint.OptionNumber = 260
	// OptionMethod is the HTTP method where the CoAP code does not say it.
	OptionMethod endpoint.OptionNumber = 261
	// OptionForm is how path and query were shortened and escaped (paths.Form).
	// A receiver that ignores it sees the r0 path in RFC 3986 escaping.
	OptionForm endpoint.OptionNumber = 262
	// OptionEnvelope says that the payload begins with one CBOR array of text
	// strings: the request target (of a request), then names and values of
	// headers that did not fit options. The body follows.
	OptionEnvelope endpoint.OptionNumber = 263
	// OptionStatus is the HTTP status where the response code does not say it.
	OptionStatus endpoint.OptionNumber = 264
	// OptionHeader is one HTTP header: one byte from the header table, then the
	// value. Repeatable.
	OptionHeader endpoint.OptionNumber = 266
	// OptionControl marks a response as coming from the gateway's own machinery
	// and not from the homeserver; its value is a controlCode.
	OptionControl endpoint.OptionNumber = 268
	// OptionReset gives the client, with the answer to its hello, the 16 bytes by
	// which it knows later that the server has lost the session.
	OptionReset endpoint.OptionNumber = 270
	// OptionOffer says which formats of wire version 2 a client knows, and in the answer
	// which of them both ends go by from then on.
	OptionOffer endpoint.OptionNumber = 272
	// OptionInstead, in a registration, is the token of an earlier one that the client has
	// left, and that the server should end.
	OptionInstead endpoint.OptionNumber = 274
)

// wireVersion is the value of OptionVersion that this code sends.
const wireVersion = 1

// controlCode is the value of OptionControl.
type controlCode uint32

const (
	// controlUnknownSlot: the server does not (or no longer) know the slot; the
	// request was not executed and should be repeated with its token.
	controlUnknownSlot controlCode = 1
	// controlSlotTaken: the request would have given a slot another token; it was
	// not executed and should be repeated with its token under a new number.
	controlSlotTaken controlCode = 2
	// controlLink: the session does not go by the link that the request told but by
	// the one in this answer; the request was not executed and should be repeated
	// without a link.
	controlLink controlCode = 3
	// controlRestart: the server is about to be restarted and had no answer yet; the
	// request, which changes nothing, should be made again at once on the same session.
	controlRestart controlCode = 4
	// controlVersion: the session has no format of wire version 2 (any more); the request
	// was not executed and should be repeated in version 1.
	controlVersion controlCode = 5
	// controlUnread: the answer is the gateway's own to a request of version 2 that it has
	// not read, and should not be repeated.
	controlUnread controlCode = 6
	// controlFetch, in a notification: there is an update that does not fit one, and the
	// client should make a request for it, then register anew from what it holds by then.
	controlFetch controlCode = 7
	// controlRegister, in a notification: the server was restarted, and the client should
	// register anew from what it holds.
	controlRegister controlCode = 8
)

// badSlot reports whether the request was refused for the slot it named.
func (c controlCode) badSlot() bool { return c == controlUnknownSlot || c == controlSlotTaken }

// knownCritical lists the critical options that Server understands in a request
// (RFC 7252 §5.4.1). The message layer answers all others 4.02, and the proxy
// options 5.05 (RFC 7252 §5.10.2).
func knownCritical(n endpoint.OptionNumber) bool {
	switch n {
	case endpoint.URIHost, endpoint.URIPort, endpoint.URIPath, endpoint.URIQuery, endpoint.Accept,
		OptionVersion, OptionSlot, OptionMethod, OptionEnvelope:
		return true
	}
	return false
}

// lengthRow is the legal length of the value of one of the critical options above,
// in bytes.
type lengthRow struct {
	number   endpoint.OptionNumber
	min, max int
}

var criticalLengths = [...]lengthRow{
	{OptionVersion, 0, 1},
	{OptionSlot, 0, 2},
	{OptionMethod, 1, 16},
	{OptionEnvelope, 0, 0},
}

// understood reports whether the critical options of ours among opts are well
// formed: one of illegal length, and a second one of a kind, count as not
// recognised (RFC 7252 §5.4.3, §5.4.5).
func understood(opts endpoint.Options) bool {
	for _, row := range criticalLengths {
		values := opts.GetAll(row.number)
		if len(values) > 1 || len(values) == 1 && (len(values[0]) < row.min || len(values[0]) > row.max) {
			return false
		}
	}
	return true
}
