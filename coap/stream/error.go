package stream

// Error is why there is no stream, or none any more.
type Error struct {
	// Status is what the client is told, as an HTTP status.
	Status int
	// ErrCode is the Matrix error code.
	ErrCode string
	// Message is one sentence for a person.
	Message string
}

// Error implements error.
func (e *Error) Error() string { return "stream: " + e.Message }

// Statuses of an Error and of answers (RFC 9110 §15).
const (
	statusOK           = 200
	statusBadRequest   = 400
	statusUnauthorized = 401
	statusForbidden    = 403
	statusNotFound     = 404
	statusTooMany      = 429
	statusServerError  = 500
	statusBadGateway   = 502
	statusUnavailable  = 503
)

func refused(message string) *Error {
	return &Error{Status: statusBadRequest, ErrCode: "M_INVALID_PARAM", Message: message}
}

func notInRoom() *Error {
	return &Error{Status: statusForbidden, ErrCode: "M_FORBIDDEN", Message: "the user is not in the room"}
}

func unreadable(what string) *Error {
	return &Error{Status: statusBadGateway, ErrCode: "M_UNKNOWN", Message: "the homeserver's answer to " + what + " could not be read"}
}

// answered is the Error for an answer that is not 200.
func answered(what string, status int) *Error {
	code := "M_UNKNOWN"
	switch status {
	case statusUnauthorized:
		code = "M_UNKNOWN_TOKEN"
	case statusForbidden:
		code = "M_FORBIDDEN"
	case statusNotFound:
		code = "M_NOT_FOUND"
	case statusTooMany:
		code = "M_LIMIT_EXCEEDED"
	}
	if status < statusBadRequest { // nothing that a client could make use of
		status = statusBadGateway
	}
	return &Error{Status: status, ErrCode: code, Message: "the homeserver refuses " + what}
}

// passing reports whether the homeserver may answer otherwise in a while.
func passing(status int) bool { return status >= statusServerError || status == statusTooMany }
