// Package config is the one configuration of coapgw: every option with its
// default, its unit and its rules. A file, the environment and flags fill it; the
// rest of the program only reads it.
//
// The struct tags hold what the command line shows of a field: its help and, where
// it differs from the field's name, its flag. They are the only description of an
// option that a user sees.
package config

import "time"

// Config is everything that can be configured. Start from Default.
type Config struct {
	Serve   Serve
	Connect Connect
	Policy  Policy
	Outbox  Outbox
	Page    Page
	Tracing Tracing
	State   State
	Link    Link
	Wire    Wire
	Relay   Relay
	Demo    Demo
	Request Request
	Limits  Limits
	Log     Log
}

// Serve is the homeserver's side of the pair.
type Serve struct {
	// Listen is the UDP address, host:port; an empty host is every address of the
	// machine, port 0 a free port.
	Listen string `help:"UDP address to listen on." placeholder:"HOST:PORT"`
	// Homeserver is the base URL of the homeserver, http or https.
	Homeserver string `help:"Base URL of the homeserver (http or https)." placeholder:"URL"`
	// HomeserverCA names the PEM file of the authorities that may have signed the certificate
	// of an https homeserver; empty means those of the system.
	HomeserverCA string `name:"homeserver-ca" help:"Authorities (PEM) that may have signed the homeserver's certificate; by default those that the system knows." placeholder:"FILE" type:"path"`
	// Paths are the trees of paths at the homeserver that clients reach; none means
	// gateway.DefaultPaths.
	Paths []string `name:"path" help:"Let clients reach this path of the homeserver and all below it; may be given more than once, / is everything. By default what Matrix clients use: /_matrix/client, /_matrix/media and /.well-known/matrix." placeholder:"PATH"`
	// Rate is how many requests a second one identity may make for long, Burst how many at
	// once; 0 means no limit.
	Rate  float64 `help:"Requests a second that each key or certificate may make for long; 0: any number." placeholder:"N"`
	Burst int     `help:"Requests that each key or certificate may make at once after a pause." placeholder:"N"`
	// ServerName is the homeserver's name as identifiers have it; empty asks the
	// homeserver.
	ServerName string `help:"Name of the homeserver as user IDs have it behind the colon; by default the homeserver is asked. It makes messages shorter." placeholder:"NAME"`
	// PSKFile names the file of pre-shared keys, one identity a line.
	PSKFile string `name:"psk-file" help:"File of pre-shared keys, as keygen psk writes it." placeholder:"FILE" type:"path"`
	// Cert and Key name the PEM files of the server's certificate and its key.
	Cert string `help:"Certificate (PEM) to show to peers that ask for one." placeholder:"FILE" type:"path"`
	Key  string `help:"Key (PEM) of --cert." placeholder:"FILE" type:"path"`
	// ClientCA names the PEM file of the authorities whose certificates a client
	// must show; empty asks clients for none.
	ClientCA string `name:"client-ca" help:"Authorities (PEM) that must have signed a client's certificate." placeholder:"FILE" type:"path"`
	// LinkSecurity is DTLS or Integrity.
	LinkSecurity string `help:"What secures the link: dtls; or integrity, for amateur radio where encryption is forbidden: everyone can read along, nobody can pose as a station, and no password, token or encrypted message goes on air." placeholder:"dtls|integrity"`
	// Stations names the file of stations: call sign, key and access token.
	Stations string `help:"File of the stations that --link-security integrity serves, as keygen station writes it." placeholder:"FILE" type:"path"`
	// Advertise is the URL that clients shall use instead of the homeserver's own:
	// it replaces base_url in discovery answers. Empty leaves them alone.
	Advertise string `help:"URL to put in place of the homeserver's own in discovery and login answers." placeholder:"URL"`
	// PlainInsecure serves coap:// without DTLS: no secrecy, no authentication.
	PlainInsecure bool `help:"Serve coap:// WITHOUT encryption: anyone on the path reads every message and access token, and can act as any user."`
	// SlowestLink is a link profile as link.Parse takes it: clients that tell a slower
	// one are held to its times. Empty grants every link of link.Profiles.
	SlowestLink string `help:"Slowest link that a client may ask for, a name as for --link: it bounds how long the server holds what belongs to a silent client. By default each of these names is granted." placeholder:"NAME"`
	// MaxPerIdentity bounds the sessions of one identity.
	MaxPerIdentity int `name:"max-sessions-per-identity" help:"Most sessions of one key or certificate; a further one ends the one silent for longest." placeholder:"N"`
	// IdleLifetime is after how long without a datagram a session is forgotten.
	IdleLifetime time.Duration `help:"Forget a session after this long without a datagram; its client then needs another handshake." placeholder:"DURATION"`
	// ConnectTimeout bounds the opening of a connection to the homeserver, TLS
	// included.
	ConnectTimeout time.Duration `help:"How long to wait for a connection to the homeserver."`
	// ResponseTimeout bounds the wait for the homeserver's response header. A
	// long-poll or a first sync takes minutes.
	ResponseTimeout time.Duration `help:"How long to wait for an answer of the homeserver; a first sync may take minutes."`
	// SlowLinks shortens first syncs and bounds downloads by the link of each client, and
	// Thumbnails sends small images in place of those that are too large.
	SlowLinks  bool `negatable:"" help:"Send clients on slow links shorter first syncs, and no file that keeps their link busy for more than 15 minutes. With --no-slow-links they get all that they ask for."`
	Thumbnails bool `help:"Answer the download of an image that is too large for a client's link with a thumbnail of it. Who looks at it takes it for the image."`
}

// Values of LinkSecurity.
const (
	// DTLS encrypts and authenticates; the default.
	DTLS = "dtls"
	// Integrity authenticates and hides nothing (package integrity).
	Integrity = "integrity"
)

// Peer is how the client's side reaches a server.
type Peer struct {
	// Server is the server's address, coaps://host[:port] or coap://host[:port]; for
	// Integrity, which connect alone knows, coap+integrity://host[:port].
	Server string `help:"Server to connect to; its name is looked up again whenever a session is opened." placeholder:"coaps://HOST:PORT"`
	// Pairing is a pairing line or, after "@", the name of a file that holds one.
	Pairing string `help:"Pairing line that keygen printed, or @FILE to read it from a file. Holds a secret: prefer @FILE or the environment." placeholder:"LINE|@FILE"`
	// PSKIdentity and PSKKeyFile are a pre-shared key: its name, and the file that
	// holds it in hexadecimal.
	PSKIdentity string `name:"psk-identity" help:"Identity of the pre-shared key; it travels in clear." placeholder:"NAME"`
	PSKKeyFile  string `name:"psk-key-file" help:"File with the pre-shared key in hexadecimal." placeholder:"FILE" type:"path"`
	// Cert and Key name the PEM files of a client certificate and its key.
	Cert string `help:"Certificate (PEM) to show to a server that asks for one." placeholder:"FILE" type:"path"`
	Key  string `help:"Key (PEM) of --cert." placeholder:"FILE" type:"path"`
	// CA names the PEM file of the authorities that may have signed the server's
	// certificate.
	CA string `name:"ca" help:"Authorities (PEM) that may have signed the server's certificate." placeholder:"FILE" type:"path"`
	// Fingerprint is the SHA-256 of the server's self-signed certificate, in
	// hexadecimal.
	Fingerprint string `help:"SHA-256 of the server's certificate (hexadecimal), instead of an authority." placeholder:"HEX"`
	// PlainInsecure permits coap:// without DTLS: no secrecy, no authentication.
	PlainInsecure bool `help:"Permit a coap:// server, WITHOUT encryption: anyone on the path reads every message and access token, and can act as the user."`
	// FoldV3 sends /v3/ paths as their r0 twins to a server that is no coapgw.
	FoldV3 bool `name:"fold-v3" env:"COAPGW_FOLD_V3" help:"Shorten /v3/ paths to their r0 twins towards a server that is no coapgw. Saves up to 35 bytes a request; right only if its homeserver treats both alike."`
}

// Connect is the client's side of the pair.
type Connect struct {
	Peer
	// LinkSecurity is DTLS or Integrity.
	LinkSecurity string `help:"What secures the link: dtls; or integrity, for amateur radio where encryption is forbidden. Clients then log in with the password that keygen station printed; encrypted rooms can be joined but not be read or written to." placeholder:"dtls|integrity"`
	// Station is the call sign of the station and StationKeyFile the file that holds
	// its key in hexadecimal, for Integrity.
	Station        string `help:"Call sign of this station, for --link-security integrity; it travels in clear." placeholder:"CALL"`
	StationKeyFile string `help:"File with the key of --station in hexadecimal, as keygen station writes it." placeholder:"FILE" type:"path"`
	// Listen is the TCP address of plain HTTP, host:port, on a loopback interface;
	// empty turns it off.
	Listen string `help:"TCP address for plain HTTP; loopback only, unless --listen-insecure." placeholder:"HOST:PORT"`
	// ListenInsecure permits plain HTTP on an address that others can reach.
	ListenInsecure bool `help:"Permit plain HTTP on an address that is not loopback: everyone on that network can read passwords and access tokens."`
	// HTTPSListen is the TCP address of HTTPS, host:port; empty turns it off.
	HTTPSListen string `name:"https-listen" help:"TCP address for HTTPS." placeholder:"HOST:PORT"`
	// TLSCert and TLSKey name the PEM files of the HTTPS certificate and its key.
	TLSCert string `name:"tls-cert" help:"Certificate (PEM) for HTTPS; keygen ca and keygen cert make one for a household." placeholder:"FILE" type:"path"`
	TLSKey  string `name:"tls-key" help:"Key (PEM) of --tls-cert." placeholder:"FILE" type:"path"`
	// Advertise is the URL at which clients reach this program: it replaces
	// base_url in discovery and login answers, which would otherwise send clients
	// past the link. Empty leaves them alone.
	Advertise string `help:"URL at which clients reach this program. Without it, a login answer may send clients past the link." placeholder:"URL"`
	// Names are those by which clients call connect in plain HTTP, besides addresses,
	// localhost and that of Advertise.
	Names []string `name:"host" help:"Answer plain HTTP under this name too, besides addresses, localhost and that of --advertise; may be given more than once. Others are refused: they may be pages that have been led here." placeholder:"NAME"`
	// Push has the server push what is new instead of polling for it over the link.
	Push bool `negatable:"" help:"Answer /sync out of what the server pushes: nothing crosses the link while nothing happens. With --no-push polls cross it."`
	// KeepAnswers bounds the answers kept in memory for clients that gave up on
	// them, in bytes; 0 keeps none, and a request ends with its client.
	KeepAnswers int `help:"Bytes of memory for answers that came after their client had given up: when it asks again, they are there. 0: a request ends with its client." placeholder:"BYTES"`
}

// State is where sessions are kept beyond the life of the program.
type State struct {
	// File names the file of sessions; empty keeps none.
	File string `name:"state" help:"File that keeps sessions over a restart, so that none needs another handshake. Leave it out of backups: an old copy that is put back gives sessions away. By default sessions end with the program." placeholder:"FILE" type:"path"`
	// Key names the file with the key under which File is encrypted; empty means the
	// name of File with .key behind it.
	Key string `name:"state-key" help:"File with the key that encrypts --state; made when there is none. By default the name of --state with .key behind it." placeholder:"FILE" type:"path"`
}

// Link says what is known of the constrained link.
type Link struct {
	// Name is a link profile as link.Parse takes it.
	Name string `name:"link" help:"Kind of link, which sets every timer and size: default, leo-broadband, geo-vsat, bgan, certus100, iridium-2400, gprs, nbiot-ce2, sixlowpan, meshtastic-lf, vhf-ax25-1200, hf-s5066-2400, hf-s5066-75, hf-vara500, fosdem-100bps, leo-pass or iridium-sbd. Or one of your own: base=NAME,KEY=VALUE,… with the keys of docs/links.md." placeholder:"NAME"`
}

// Wire is how messages are written to another coapgw.
type Wire struct {
	// Version is the highest version of the wire format: 1 or 2.
	Version int `name:"wire-version" help:"Highest version of the wire format, 1 or 2. Version 2 is used with another coapgw that has the same tables and model." placeholder:"N"`
	// Entries bounds the identifiers that are remembered for a session, in each direction.
	Entries int `name:"table-entries" help:"Identifiers that each end remembers for a session, in each direction, to name them in a byte or two: about 200 bytes of memory each. 0: none. The smaller number of both ends counts." placeholder:"N"`
	// Device is the class of this device: Server, Handheld or Microcontroller.
	Device string `help:"What this device has for coding messages: server; handheld, a phone or a single-board computer; or microcontroller." placeholder:"CLASS"`
	// Padding makes payloads multiples of so many bytes; 0 and 1 for none.
	Padding int `help:"Make each payload a multiple of so many bytes, so that its length tells less of what is written. 0: none." placeholder:"BYTES"`
	// RoomsApart codes the rooms of one answer apart.
	RoomsApart bool `help:"Code the rooms of one answer apart, so that who writes into one and sees the length of packets learns nothing of another."`
}

// Values of Device.
const (
	ServerDevice          = "server"
	HandheldDevice        = "handheld"
	MicrocontrollerDevice = "microcontroller"
)

// Relay is an emulated link between real sockets. It belongs to one call: the
// environment does not set it.
type Relay struct {
	// Profile is the link, as link.Parse takes it.
	Profile string `env:"-" help:"The link to emulate: a name that --link of connect takes, or one of your own: base=NAME,KEY=VALUE,…" placeholder:"NAME"`
	// Listen is the UDP address for clients, host:port.
	Listen string `env:"-" help:"UDP address for clients." placeholder:"HOST:PORT"`
	// To is the UDP address of the target, host:port.
	To string `env:"-" help:"UDP address of the server behind the link." placeholder:"HOST:PORT"`
	// Seed decides loss and jitter.
	Seed uint64 `env:"-" help:"Seed of loss and jitter." placeholder:"N"`
	// Pcap names a file for what comes through; empty writes none.
	Pcap string `env:"-" help:"Write what comes through to this capture file, for Wireshark and tshark." placeholder:"FILE" type:"path"`
	// Stats is the time between two lines of statistics; 0 means each second on a
	// terminal, and none elsewhere.
	Stats time.Duration `env:"-" help:"Print statistics to standard error this often; by default each second on a terminal." placeholder:"DURATION"`
	// JSON is the form of the statistics, which are then always printed at the end.
	JSON bool `name:"json" env:"-" help:"Print statistics as JSON, one object a line, and always once at the end."`
	// Rebind is how often the server sees clients from another address; 0 means
	// never.
	Rebind time.Duration `env:"-" help:"Change the addresses that the server sees this often, as a NAT does that forgets." placeholder:"DURATION"`
	// MaxClients bounds the client addresses served at once.
	MaxClients int `env:"-" help:"Most client addresses at once; a further one takes the place of the one silent for longest." placeholder:"N"`
}

// Demo is the demonstration. Its link and its log have defaults of their own.
type Demo struct {
	Link
	Log
	// Homeserver is the base URL of a homeserver with open registration; empty
	// means one in memory.
	Homeserver string `help:"Use this homeserver, which must let anyone register, instead of one in memory." placeholder:"URL"`
	// Listen is the TCP address of plain HTTP, host:port, on a loopback interface;
	// empty means a free port.
	Listen string `help:"TCP address on loopback for the Matrix client's side; by default a free port." placeholder:"HOST:PORT"`
	// Stay keeps everything up at the end.
	Stay bool `help:"Keep everything up at the end, for a real client."`
	// JSON is the form of the report.
	JSON bool `name:"json" help:"Print one JSON object instead of a table."`
}

// Request is one request from the command line.
type Request struct {
	// Timeout bounds the whole exchange, the opening of a session included; 0
	// means as long as the link may take for it.
	Timeout time.Duration `env:"-" help:"How long to wait for the answer; by default as long as the link may take for it." placeholder:"DURATION"`
}

// Limits bound what peers and clients can make the program hold.
type Limits struct {
	// MaxBody bounds each request and response body, in bytes.
	MaxBody int64 `help:"Largest body in either direction, in bytes." placeholder:"BYTES"`
	// MaxSessions bounds the sessions a server holds at once.
	MaxSessions int `help:"Most sessions held at once." placeholder:"N"`
	// StopTimeout is how long requests that are being served may take to finish
	// when the program is told to stop.
	StopTimeout time.Duration `help:"How long running requests may take to finish when told to stop."`
}

// Log is what is written to standard error. Bodies, queries and credentials never
// are.
type Log struct {
	// Level is debug, info, warn or error.
	Level string `name:"log-level" help:"Least level that is logged: debug, info, warn or error." placeholder:"LEVEL"`
	// Format is text or json.
	Format string `name:"log-format" help:"Format of the log: text or json." placeholder:"FORMAT"`
}

// Default returns the configuration that holds where nothing else is said. It is
// not complete: Serve needs a homeserver and a key, Connect a server and a key.
func Default() Config {
	return Config{
		Serve: Serve{
			Listen:          ":5684",
			LinkSecurity:    DTLS,
			MaxPerIdentity:  64,
			IdleLifetime:    7 * 24 * time.Hour,
			ConnectTimeout:  10 * time.Second,
			ResponseTimeout: 10 * time.Minute,
			SlowLinks:       true,
			Rate:            100,
			Burst:           1000,
		},
		Connect: Connect{
			LinkSecurity: DTLS,
			Listen:       "127.0.0.1:8008",
			Push:         true,
			KeepAnswers:  16 << 20,
		},
		Policy:  Policy{Chatter: ByTable, MaxMedia: 32 << 20},
		Page:    Page{Listen: "127.0.0.1:8009"},
		Tracing: Tracing{Sample: 1},
		Link:    Link{Name: "default"},
		Wire:    Wire{Version: 2, Entries: 1024, Device: ServerDevice},
		Relay: Relay{
			Listen:     "127.0.0.1:5684",
			Seed:       1,
			MaxClients: 64,
		},
		Demo: Demo{
			Link: Link{Name: "geo-vsat"},
			Log:  Log{Level: "warn", Format: "text"},
		},
		Limits: Limits{
			MaxBody:     64 << 20,
			MaxSessions: 10000,
			StopTimeout: 10 * time.Second,
		},
		Log: Log{Level: "info", Format: "text"},
	}
}
