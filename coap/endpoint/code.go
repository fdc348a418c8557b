package endpoint

import "fmt"

// Type is the message type (RFC 7252 §3).
type Type uint8

// Message types (RFC 7252 §3).
const (
	Confirmable     Type = 0
	NonConfirmable  Type = 1
	Acknowledgement Type = 2
	Reset           Type = 3
)

// Code is a method or a response code, class in the upper three bits and detail
// in the lower five (RFC 7252 §3, §12.1).
type Code uint8

// Methods (RFC 7252 §12.1.1, RFC 8132 §6).
const (
	Empty  Code = 0
	GET    Code = 1
	POST   Code = 2
	PUT    Code = 3
	DELETE Code = 4
	FETCH  Code = 5
	PATCH  Code = 6
	IPATCH Code = 7
)

// Response codes (RFC 7252 §12.1.2, RFC 7959 §6, RFC 8132 §6, RFC 8516 §7).
const (
	Created                  Code = 2<<5 | 1
	Deleted                  Code = 2<<5 | 2
	Valid                    Code = 2<<5 | 3
	Changed                  Code = 2<<5 | 4
	Content                  Code = 2<<5 | 5
	Continue                 Code = 2<<5 | 31
	BadRequest               Code = 4 << 5
	Unauthorized             Code = 4<<5 | 1
	BadOption                Code = 4<<5 | 2
	Forbidden                Code = 4<<5 | 3
	NotFound                 Code = 4<<5 | 4
	MethodNotAllowed         Code = 4<<5 | 5
	NotAcceptable            Code = 4<<5 | 6
	RequestEntityIncomplete  Code = 4<<5 | 8
	Conflict                 Code = 4<<5 | 9
	PreconditionFailed       Code = 4<<5 | 12
	RequestEntityTooLarge    Code = 4<<5 | 13
	UnsupportedContentFormat Code = 4<<5 | 15
	UnprocessableEntity      Code = 4<<5 | 22
	TooManyRequests          Code = 4<<5 | 29
	InternalServerError      Code = 5 << 5
	NotImplemented           Code = 5<<5 | 1
	BadGateway               Code = 5<<5 | 2
	ServiceUnavailable       Code = 5<<5 | 3
	GatewayTimeout           Code = 5<<5 | 4
	ProxyingNotSupported     Code = 5<<5 | 5
)

// Class is the part of the code before the dot.
func (c Code) Class() uint8 { return uint8(c) >> 5 }

// Detail is the part of the code after the dot.
func (c Code) Detail() uint8 { return uint8(c) & 31 }

// IsRequest reports whether the code is a method (RFC 7252 §12.1.1).
func (c Code) IsRequest() bool { return c.Class() == 0 && c != Empty }

// IsResponse reports whether the code is a response code (RFC 7252 §12.1.2).
func (c Code) IsResponse() bool { return c.Class() >= 2 && c.Class() <= 5 }

// String writes the code as the RFCs do: "2.05".
func (c Code) String() string { return fmt.Sprintf("%d.%02d", c.Class(), c.Detail()) }
