package checkup

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/coapgw/coapgw/coap/session/boltstore"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
)

// soon is how long before its end a certificate is worth a word.
const soon = 21 * 24 * time.Hour

// Certificate looks at a certificate (PEM, leaf first) and its key.
func Certificate(thing, certFile, keyFile string, now time.Time) Finding {
	return certificate(thing, certFile, keyFile, now, func(tls.Certificate) error { return nil })
}

// LinkCertificate is Certificate for one that DTLS shows.
func LinkCertificate(thing, certFile, keyFile string, now time.Time) Finding {
	return certificate(thing, certFile, keyFile, now, dtls.CheckCertificate)
}

// certificate looks at a certificate that usable has to take.
func certificate(thing, certFile, keyFile string, now time.Time, usable func(tls.Certificate) error) Finding {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return wrong(thing, "%v; it and its key must be PEM files that belong together", err)
	}
	if err := usable(pair); err != nil {
		return wrong(thing, "%v: make one with keygen cert", err)
	}
	return lifetime(thing, pair.Leaf, now)
}

// Authorities looks at certificates (PEM) of authorities; the one that ends first counts.
func Authorities(thing, file string, now time.Time) Finding {
	text, err := os.ReadFile(file)
	if err != nil {
		return wrong(thing, "%v", err)
	}
	var first *x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		if first == nil || cert.NotAfter.Before(first.NotAfter) {
			first = cert
		}
	}
	if first == nil {
		return wrong(thing, "%s: there is no certificate (PEM) in it", file)
	}
	return lifetime(thing, first, now)
}

func lifetime(thing string, cert *x509.Certificate, now time.Time) Finding {
	const day = "2006-01-02"
	switch {
	case now.Before(cert.NotBefore):
		return wrong(thing, "holds from %s on only: is the clock of this machine right?", cert.NotBefore.Format(day))
	case now.After(cert.NotAfter):
		return wrong(thing, "ended on %s: renew it and send SIGHUP", cert.NotAfter.Format(day))
	case now.Add(soon).After(cert.NotAfter):
		return look(thing, "ends on %s: renew it by then and send SIGHUP", cert.NotAfter.Format(day))
	}
	return fine(thing, "holds until %s", cert.NotAfter.Format(day))
}

// Private looks whether a file with a secret is its owner's alone.
func Private(thing, file string) Finding {
	var exposed *keys.ExposedError
	switch err := keys.CheckPrivate(file); {
	case errors.As(err, &exposed):
		return look(thing, "others can read %s: chmod 600 it", file)
	case err != nil:
		return wrong(thing, "%v", err)
	}
	return fine(thing, "%s is its owner's alone", file)
}

// State looks at the state file; it makes none.
func State(cfg config.State) Finding {
	const thing = "state"
	key := cfg.Key
	if key == "" {
		key = cfg.File + ".key"
	}
	_, err := os.Stat(cfg.File)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return stateToBe(thing, cfg.File, key)
	case err != nil:
		return wrong(thing, "%v", err)
	}
	if _, err := os.Stat(key); err != nil {
		return wrong(thing, "there is no key %s for it: bring it back, or remove %s to begin with new sessions", key, cfg.File)
	}
	open, err := gateway.OpenState(cfg)
	switch {
	case errors.Is(err, boltstore.ErrInUse):
		return look(thing, "another program has %s open: fine if that is coapgw itself, and no two can", cfg.File)
	case errors.Is(err, boltstore.ErrWrongKey):
		return wrong(thing, "%s was written under another key than %s: bring that back, or remove both to begin with new sessions", cfg.File, key)
	case errors.Is(err, boltstore.ErrDamaged):
		return wrong(thing, "%s is damaged: remove it to begin with new sessions", cfg.File)
	case err != nil:
		return wrong(thing, "%v", err)
	}
	if err := open.Close(); err != nil {
		return wrong(thing, "%v", err)
	}
	if f := Private(thing, cfg.File); f.Level != Fine {
		return f
	}
	return fine(thing, "%s can be used", cfg.File)
}

// stateToBe looks whether a state file can be made.
func stateToBe(thing, file, key string) Finding {
	made := []string{filepath.Dir(file)}
	switch _, err := os.Stat(key); {
	case errors.Is(err, os.ErrNotExist):
		made = append(made, filepath.Dir(key))
	case err != nil:
		return wrong(thing, "%v", err)
	default:
		if _, err := boltstore.LoadKey(key); err != nil { // which makes none where there is one
			return wrong(thing, "%v", err)
		}
	}
	for _, name := range made {
		if dir, err := os.Stat(name); err != nil || !dir.IsDir() {
			return wrong(thing, "there is no directory %s: make it, for the user that runs coapgw", name)
		}
		if err := writable(name); err != nil {
			return wrong(thing, "no file can be made in %s (%v): it has to belong to the user that runs coapgw", name, err)
		}
	}
	return fine(thing, "%s is not there yet and will be made", file)
}
