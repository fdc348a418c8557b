package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// The classic capture format (draft-ietf-opsawg-pcap).
const (
	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d

	fileHeader   = 24
	packetHeader = 16
	// maxPacket is the longest packet that is read.
	maxPacket = 1 << 18
)

// Link types: what a packet begins with.
const (
	linkEthernet = 1
	linkRaw      = 101
	linkIPv4     = 228
	linkIPv6     = 229
)

const (
	ethernetHeader = 14
	ipv4Header     = 20
	ipv6Header     = 40
	udpHeader      = 8
	protocolUDP    = 17
)

// ErrCapture says that a file is no capture, or one of a kind that is not read.
var ErrCapture = errors.New("inspect: not a capture file of a kind that is known")

// IsCapture reports whether a file that begins so is a capture.
func IsCapture(head []byte) bool {
	_, _, ok := byteOrder(head)
	return ok
}

// byteOrder reads the magic number: the order, and what a unit of a time's fraction is.
func byteOrder(head []byte) (binary.ByteOrder, time.Duration, bool) {
	if len(head) < 4 {
		return nil, 0, false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(head) {
		case magicMicro:
			return order, time.Microsecond, true
		case magicNano:
			return order, time.Nanosecond, true
		}
	}
	return nil, 0, false
}

// datagram is one of UDP.
type datagram struct {
	at       time.Time
	from, to netip.AddrPort
	// headers is how long those of IP and UDP are.
	headers int
	data    []byte
}

// readCapture calls f for the datagrams of a capture. Other packets are counted.
func readCapture(in io.Reader, f func(*datagram) error) (others int, err error) {
	head := make([]byte, fileHeader)
	if _, err := io.ReadFull(in, head); err != nil {
		return 0, ErrCapture
	}
	order, unit, ok := byteOrder(head)
	if !ok {
		return 0, ErrCapture
	}
	kind := order.Uint32(head[20:]) & 0xffff
	switch kind {
	case linkEthernet, linkRaw, linkIPv4, linkIPv6:
	default:
		return 0, fmt.Errorf("%w: link type %d", ErrCapture, kind)
	}
	var packet [packetHeader]byte
	for {
		switch _, err := io.ReadFull(in, packet[:]); {
		case err == io.EOF:
			return others, nil
		case err != nil:
			return others, fmt.Errorf("%w: cut short", ErrCapture)
		}
		size := order.Uint32(packet[8:])
		if size > maxPacket {
			return others, fmt.Errorf("%w: a packet of %d bytes", ErrCapture, size)
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(in, data); err != nil {
			return others, fmt.Errorf("%w: cut short", ErrCapture)
		}
		d, ok := parsePacket(kind, data)
		if !ok {
			others++
			continue
		}
		d.at = time.Unix(int64(order.Uint32(packet[:])), int64(time.Duration(order.Uint32(packet[4:]))*unit))
		if err := f(d); err != nil {
			return others, err
		}
	}
}

func parsePacket(kind uint32, b []byte) (*datagram, bool) {
	if kind == linkEthernet {
		if len(b) < ethernetHeader {
			return nil, false
		}
		b = b[ethernetHeader:]
	}
	if len(b) == 0 {
		return nil, false
	}
	switch b[0] >> 4 {
	case 4: // RFC 791 §3.1
		header := int(b[0]&15) * 4
		if header < ipv4Header || len(b) < header || b[9] != protocolUDP || binary.BigEndian.Uint16(b[6:])&0x3fff != 0 {
			return nil, false // fragments too
		}
		from, _ := netip.AddrFromSlice(b[12:16])
		to, _ := netip.AddrFromSlice(b[16:20])
		return parseUDP(from, to, header, b[header:])
	case 6: // RFC 8200 §3
		if len(b) < ipv6Header || b[6] != protocolUDP {
			return nil, false
		}
		from, _ := netip.AddrFromSlice(b[8:24])
		to, _ := netip.AddrFromSlice(b[24:40])
		return parseUDP(from, to, ipv6Header, b[ipv6Header:])
	}
	return nil, false
}

// parseUDP reads RFC 768.
func parseUDP(from, to netip.Addr, ip int, b []byte) (*datagram, bool) {
	if len(b) < udpHeader {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length < udpHeader || length > len(b) {
		return nil, false
	}
	return &datagram{
		from: netip.AddrPortFrom(from, binary.BigEndian.Uint16(b)), to: netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[2:])),
		headers: ip + udpHeader, data: b[udpHeader:length],
	}, true
}
