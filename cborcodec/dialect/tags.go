package dialect

// Tags of this dialect of one byte. Those of RFC 8949 with these numbers mean
// something else, which does not matter: no other software sees them. Tags 2, 3 and
// 4, and the longer 262 and 273, keep their meaning (package cborcodec).
//
// "opaque" is text, or a byte string that stands for its base64url form.
const (
	tagUser         = 0  // text: "@" text ":" home
	tagRoom         = 1  // opaque text: "!" text ":" home; bytes of 32: "!" base64url (room version 12)
	tagAlias        = 5  // text: "#" text ":" home
	tagEvent        = 6  // text: "$" text ":" home (room versions 1 and 2); bytes: "$" base64 (version 3)
	tagMedia        = 7  // opaque: "mxc://" home "/" opaque
	tagBase64       = 8  // bytes: base64 without padding
	tagEd25519      = 9  // key ID: "ed25519:" key ID
	tagCurve25519   = 10 // key ID: "curve25519:" key ID
	tagSignedCurve  = 11 // key ID: "signed_curve25519:" key ID
	tagHex          = 12 // bytes: lower-case hexadecimal digits
	tagUUID         = 13 // bytes of 16: a UUID in lower case (RFC 9562 §4)
	tagDecimal      = 14 // integer: its digits as a string
	tagStream       = 15 // array of integers: "s" numbers
	tagTopological  = 16 // array of integers: "t" numbers
	tagTransaction  = 17 // array: a row of the patterns, time, numbers
	tagTime         = 18 // integer: a time in ms since 1970, a number and not a string
	tagBase64URL    = 19 // bytes: base64url without padding
	tagPaddedBase64 = 20 // bytes: base64 with padding
	tagWord         = 21 // integer: a row of the words beyond the simple values
	tagInsert       = 22 // identifier: itself, and it gets the next reference
	tagReference    = 23 // integer: an identifier
)

// Tags of two bytes.
const (
	tagEcho       = 24 // reference: the body of the request that inserted it
	tagSortedEcho = 25 // the same, with the members of objects in order of their names
	tagCounter    = 26 // array: a counter
	tagPosition   = 27 // array: a position of sliding sync, a string
	tagMarkup     = 28 // text: a string that repeats the last body
)
