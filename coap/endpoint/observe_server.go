package endpoint

// Observer is a registration of the peer (RFC 7641 §4.1).
type Observer struct{}
