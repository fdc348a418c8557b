package mobile

import (
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/coapgw/coapgw/coap/session/boltstore"
)

// Config says how a Gateway works. What is not set has a default. What is secret is set by
// methods: gobind makes methods that print the fields.
type Config struct {
	// Link is the kind of link, as in docs/links.md: the name of a profile, or "base=..." with
	// changes; empty for the default.
	Link string
	// StateDir is a directory of the app's own in which the session with the server, its
	// access tokens and what was pushed outlive the process; empty for nowhere. It must be in
	// no backup, and no two processes may use it at once.
	StateDir string
	// Port is where Start listens on the loopback interface; 0 means any free port.
	Port int64
	// MaxBody bounds the body of an answer, in bytes; 0 means 16 MiB.
	MaxBody int64
	// LogLevel is "debug", "info", "warn" or "error": what is written to the system's log.
	// Empty writes nothing. No secret and no content is ever written.
	LogLevel string

	stateKey []byte
	secret   string

	// socket makes the sockets, where tests have their own.
	socket func() (net.PacketConn, error)
	// dropsListener stands for systems that take a listening socket away from an app that
	// sleeps.
	dropsListener bool
}

// NewConfig returns a Config with all defaults.
func NewConfig() *Config { return new(Config) }

// SetStateKey sets the key, of 32 bytes, under which what is in StateDir is encrypted: from
// the system's key store. Without it a key is made and put beside, where it protects nothing
// from who can read the directory.
func (c *Config) SetStateKey(key []byte) { c.stateKey = append([]byte(nil), key...) }

// SetSecret sets the part of the URL that Start returns which other apps must not know, of at
// least 16 letters, digits, "-" and "_", for SDKs that store the URL. Without it each Start
// makes a new one.
func (c *Config) SetSecret(secret string) { c.secret = secret }

// minSecret is the least length of a secret that an app sets.
const minSecret = 16

func (c *Config) check() error {
	switch {
	case c.Port < 0 || c.Port > 65535:
		return failure(ErrorConfig, "%d is no port", c.Port)
	case c.MaxBody < 0:
		return failure(ErrorConfig, "a body cannot be bounded by %d bytes", c.MaxBody)
	case c.secret != "" && (len(c.secret) < minSecret || strings.ContainsFunc(c.secret, notInPath)):
		return failure(ErrorConfig, "the secret needs %d or more letters, digits, \"-\" and \"_\"", minSecret)
	case c.stateKey != nil && len(c.stateKey) != boltstore.KeySize:
		return failure(ErrorConfig, "the state key has %d bytes, not %d", len(c.stateKey), boltstore.KeySize)
	case c.stateKey != nil && c.StateDir == "":
		return failure(ErrorConfig, "there is a state key, but no directory")
	}
	return nil
}

func notInPath(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
}

// log is where Config has events written: to standard error, which gomobile takes to the
// system's log.
func (c *Config) log() (*slog.Logger, error) {
	if c.LogLevel == "" {
		return slog.New(slog.DiscardHandler), nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return nil, failure(ErrorConfig, "%q is no log level", c.LogLevel)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})), nil
}
