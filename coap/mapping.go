package coap

import (
	"github.com/coapgw/coapgw/cborcodec"
	"github.com/coapgw/coapgw/coap/endpoint"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/paths"
)

// PeerKind is what is known about the other end of a session.
type PeerKind uint8

const (
	// PeerUnknown: no answer has told yet.
	PeerUnknown PeerKind = iota
	// PeerGateway: a coapgw.
	PeerGateway
	// PeerForeign: any other CoAP peer, in the best case one of MSC3079.
	PeerForeign
)

// Mapping turns HTTP messages into CoAP messages and back (RFC 8075). It is what
// Transport and Server run for every exchange, and what measures them. It is
// immutable after NewMapping and safe for concurrent use.
type Mapping struct {
	paths *paths.Table
	// v1 is for a coapgw, foreign for another peer that knows the integer keys of
	// MSC3079, plain for one that has not shown that it does.
	v1, foreign, plain *cborcodec.Codec
	foldV3             bool
	maxJSON            int
	side               endpoint.Side
	maxHead            int
}

// MappingConfig is how a Mapping behaves. The zero value is usable.
type MappingConfig struct {
	// Profile bounds what options may take of one datagram; the zero value means
	// link.Default.
	Profile link.Profile
	// Side is where on the link of Profile the messages begin; where it is not known
	// they must fit either direction.
	Side endpoint.Side
	// FoldV3 sends /v3/ paths as their r0 enums to a peer that is no coapgw: right
	// for a homeserver that treats both alike.
	FoldV3 bool
	// MaxJSON bounds the JSON bodies that are converted, in bytes; larger ones
	// travel as they are. 0 means 32 MiB.
	MaxJSON int
}

const (
	defaultMaxJSON = 32 << 20
	// recordOverhead is what DTLS adds to a datagram at most (AES-GCM with a
	// 4-byte CID), for the estimate of what options may take.
	recordOverhead = 42
)

// NewMapping returns a Mapping for version 1.
func NewMapping(cfg MappingConfig) *Mapping {
	if cfg.Profile.MTU == 0 {
		cfg.Profile = link.Default()
	}
	if cfg.MaxJSON <= 0 {
		cfg.MaxJSON = defaultMaxJSON
	}
	limits := cborcodec.Limits{MaxInput: cfg.MaxJSON, MaxOutput: 2 * cfg.MaxJSON}
	return &Mapping{
		paths:   paths.V1(),
		v1:      cborcodec.V1(limits),
		foreign: cborcodec.V1(limits).Untagged(),
		plain:   cborcodec.Plain(limits),
		foldV3:  cfg.FoldV3,
		maxJSON: cfg.MaxJSON,
		side:    cfg.Side,
		maxHead: maxHead(cfg.Profile, cfg.Side),
	}
}

// maxHead bounds the options of a message, in bytes: they are repeated in every
// block, so that they may take half of a datagram, and what is longer travels once, in
// the payload. A server takes no larger datagrams than its bounds say, whatever the
// link carries.
func maxHead(p link.Profile, side endpoint.Side) int {
	datagram := p.MTU
	if side != endpoint.SideUnknown {
		datagram = p.MaxDatagram(side == endpoint.SideConstrained)
	}
	return (min(datagram, link.DefaultBounds().Datagram) - recordOverhead) / 2
}

// over returns a Mapping like m for another link.
func (m *Mapping) over(p link.Profile) *Mapping {
	other := *m
	other.maxHead = maxHead(p, m.side)
	return &other
}
