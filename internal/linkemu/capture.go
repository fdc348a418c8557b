package linkemu

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// The classic capture format (draft-ietf-opsawg-pcap), times in nanoseconds.
const (
	captureMagic   = 0xa1b23c4d
	captureMajor   = 2
	captureMinor   = 4
	captureSnapLen = 1 << 18
	linkTypeRaw    = 101 // packets begin with the IP header, version 4 or 6
)

const (
	ipv4Header   = 20
	ipv6Header   = 40
	udpHeader    = 8
	protocolUDP  = 17
	timeToLive   = 64
	dontFragment = 0x4000
)

// Capture writes datagrams as a capture file that Wireshark and tshark read, each
// as an IP packet of its own. Its methods may be called at the same time.
type Capture struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
}

// NewCapture begins a capture file on w.
func NewCapture(w io.Writer) (*Capture, error) {
	var b []byte
	b = binary.LittleEndian.AppendUint32(b, captureMagic)
	b = binary.LittleEndian.AppendUint16(b, captureMajor)
	b = binary.LittleEndian.AppendUint16(b, captureMinor)
	b = binary.LittleEndian.AppendUint64(b, 0) // two unused fields
	b = binary.LittleEndian.AppendUint32(b, captureSnapLen)
	b = binary.LittleEndian.AppendUint32(b, linkTypeRaw)
	_, err := w.Write(b)
	return &Capture{w: w}, err
}

// Record writes a datagram of at most 65507 bytes between two UDP addresses, in
// one Write. An address that is none of UDP stands as unspecified.
func (c *Capture) Record(at time.Time, from, to net.Addr, payload []byte) error {
	src, dst := addrPort(from), addrPort(to)
	c.mu.Lock()
	defer c.mu.Unlock()
	b := append(c.buf[:0], make([]byte, 16)...)
	if src.Addr().Is4() && dst.Addr().Is4() {
		b = appendIPv4(b, src, dst, payload)
	} else {
		b = appendIPv6(b, src, dst, payload)
	}
	length := uint32(len(b) - 16)
	binary.LittleEndian.PutUint32(b[0:], uint32(at.Unix()))
	binary.LittleEndian.PutUint32(b[4:], uint32(at.Nanosecond()))
	binary.LittleEndian.PutUint32(b[8:], length)
	binary.LittleEndian.PutUint32(b[12:], length)
	c.buf = b
	_, err := c.w.Write(b)
	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// appendIPv4 appends a packet of RFC 791 §3.1.
func appendIPv4(b []byte, src, dst netip.AddrPort, payload []byte) []byte {
	start := len(b)
	b = append(b, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Header+udpHeader+len(payload)))
	b = binary.BigEndian.AppendUint16(b, 0) // identification, of no use without fragments (RFC 6864 §4.1)
	b = binary.BigEndian.AppendUint16(b, dontFragment)
	b = append(b, timeToLive, protocolUDP, 0, 0)
	b = append(b, src.Addr().AsSlice()...)
	b = append(b, dst.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(b[start+10:], checksum(sum(0, b[start:])))
	return appendUDP(b, src, dst, payload)
}

// appendIPv6 appends a packet of RFC 8200 §3; IPv4 addresses are mapped.
func appendIPv6(b []byte, src, dst netip.AddrPort, payload []byte) []byte {
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(udpHeader+len(payload)))
	b = append(b, protocolUDP, timeToLive)
	for _, a := range []netip.AddrPort{src, dst} {
		raw := a.Addr().As16()
		b = append(b, raw[:]...)
	}
	src = netip.AddrPortFrom(netip.AddrFrom16(src.Addr().As16()), src.Port())
	dst = netip.AddrPortFrom(netip.AddrFrom16(dst.Addr().As16()), dst.Port())
	return appendUDP(b, src, dst, payload)
}

// appendUDP appends a datagram (RFC 768) with its checksum over the pseudo-header.
func appendUDP(b []byte, src, dst netip.AddrPort, payload []byte) []byte {
	start, length := len(b), udpHeader+len(payload)
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, 0, 0)
	b = append(b, payload...)
	s := sum(uint32(protocolUDP)+uint32(length), src.Addr().AsSlice())
	s = sum(s, dst.Addr().AsSlice())
	check := checksum(sum(s, b[start:]))
	if check == 0 { // which would mean that there is none
		check = 0xffff
	}
	binary.BigEndian.PutUint16(b[start+6:], check)
	return b
}

// sum adds 16-bit words (RFC 1071) without the carries. It does not overflow for
// what fits a packet.
func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

// checksum folds the carries in and takes the complement.
func checksum(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}
