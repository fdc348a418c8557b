package dtls

import (
	"fmt"
	"slices"

	"github.com/coapgw/coapgw/coap/link"
	pion "github.com/pion/dtls/v3"
)

// Suite is a TLS cipher suite by its IANA number.
type Suite uint16

// The suites that this package speaks.
const (
	// PSKWithAES128CCM8 is the mandatory suite of RFC 7252 §9.1.3.1.
	PSKWithAES128CCM8 Suite = 0xC0A8
	// ECDHEECDSAWithAES128CCM8 is the mandatory suite of RFC 7252 §9.1.3.3.
	ECDHEECDSAWithAES128CCM8 Suite = 0xC0AE
	// ECDHEECDSAWithAES128GCM is for peers that know nothing else (RFC 5289).
	ECDHEECDSAWithAES128GCM Suite = 0xC02B
	// ECDHEECDSAWithChaCha20 is RFC 7905's suite for certificates.
	ECDHEECDSAWithChaCha20 Suite = 0xCCA9
	// PSKWithChaCha20 costs the smallest handshake with a full tag (RFC 7905).
	PSKWithChaCha20 Suite = 0xCCAB
	// ECDHEPSKWithChaCha20 is what two coapgw use: forward secret, full tag, and
	// no more bytes a record than CCM_8, because the nonce is implicit
	// (RFC 7905 §2).
	ECDHEPSKWithChaCha20 Suite = 0xCCAC
)

type suiteRow struct {
	suite         Suite
	name          string
	psk           bool
	forwardSecret bool
	cipher        recordCipher
}

// recordCipher is the AEAD that protects the records of a suite.
type recordCipher uint8

const (
	chaCha20 recordCipher = iota // RFC 7905
	aesCCM8                      // RFC 6655
	aesGCM                       // RFC 5288
)

func (c recordCipher) keySize() int {
	if c == chaCha20 {
		return 32
	}
	return 16
}

// ivSize is the length of the part of a nonce that keys decide.
func (c recordCipher) ivSize() int {
	if c == chaCha20 {
		return nonceSize
	}
	return nonceSize - explicitNonce
}

// suiteTable returns the suites in order of preference.
func suiteTable() []suiteRow {
	return []suiteRow{
		{ECDHEPSKWithChaCha20, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", true, true, chaCha20},
		{PSKWithChaCha20, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256", true, false, chaCha20},
		{PSKWithAES128CCM8, "TLS_PSK_WITH_AES_128_CCM_8", true, false, aesCCM8},
		{ECDHEECDSAWithChaCha20, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", false, true, chaCha20},
		{ECDHEECDSAWithAES128CCM8, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", false, true, aesCCM8},
		{ECDHEECDSAWithAES128GCM, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", false, true, aesGCM},
	}
}

func (s Suite) row() (suiteRow, bool) {
	t := suiteTable()
	i := slices.IndexFunc(t, func(r suiteRow) bool { return r.suite == s })
	if i < 0 {
		return suiteRow{}, false
	}
	return t[i], true
}

// String returns the IANA name.
func (s Suite) String() string {
	if r, ok := s.row(); ok {
		return r.name
	}
	return fmt.Sprintf("0x%04X", uint16(s))
}

// PSK reports whether the suite authenticates by a pre-shared key.
func (s Suite) PSK() bool { r, _ := s.row(); return r.psk }

// ForwardSecret reports whether a key that leaks later opens no recording made
// today.
func (s Suite) ForwardSecret() bool { r, _ := s.row(); return r.forwardSecret }

// slowLink is the rate, in bit/s, below which the 114 B of an ECDHE handshake
// are not worth forward secrecy unless the operator asks for it.
const slowLink = 300

// clientSuites is what a client offers, best first.
func clientSuites(psk, forwardSecrecy bool, p link.Profile) []Suite {
	slow := (p.RateUp > 0 && p.RateUp < slowLink) || (p.RateDown > 0 && p.RateDown < slowLink)
	switch {
	case !psk:
		return []Suite{ECDHEECDSAWithChaCha20, ECDHEECDSAWithAES128CCM8, ECDHEECDSAWithAES128GCM}
	case forwardSecrecy:
		return []Suite{ECDHEPSKWithChaCha20}
	case slow:
		return []Suite{PSKWithChaCha20, PSKWithAES128CCM8}
	default:
		return []Suite{ECDHEPSKWithChaCha20, PSKWithAES128CCM8}
	}
}

// serverSuites is what a server accepts. The client's order decides among them.
func serverSuites(psk, certificates, forwardSecrecy bool) []Suite {
	var s []Suite
	for _, r := range suiteTable() {
		if (r.psk && !psk) || (!r.psk && !certificates) || (forwardSecrecy && !r.forwardSecret) {
			continue
		}
		s = append(s, r.suite)
	}
	return s
}

func pionSuites(s []Suite) []pion.CipherSuiteID {
	ids := make([]pion.CipherSuiteID, len(s))
	for i := range s {
		ids[i] = pion.CipherSuiteID(s[i])
	}
	return ids
}
