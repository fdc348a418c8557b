package config

import (
	"net"
)

// Page is where a person sees what the link does (package status).
type Page struct {
	// Listen is its TCP address, host:port; empty turns it off.
	Listen string `name:"status-listen" help:"TCP address of the status page, with metrics and probes. Beyond loopback it takes --status-token-file and --status-cert. Empty: no page." placeholder:"HOST:PORT"`
	// TokenFile names the file that holds the token that the page asks for.
	TokenFile string `name:"status-token-file" help:"File with the token that the status page asks for: as a password with any user name, or as a bearer token. At least 16 characters." placeholder:"FILE" type:"path"`
	// Cert and Key name the PEM files of the page's certificate and its key.
	Cert string `name:"status-cert" help:"Certificate (PEM) for HTTPS on --status-listen." placeholder:"FILE" type:"path"`
	Key  string `name:"status-key" help:"Key (PEM) of --status-cert." placeholder:"FILE" type:"path"`
	// Hosts are names under which the page may be asked for.
	Hosts []string `name:"status-host" help:"Name under which the status page may be asked for besides localhost and the address; may be repeated." placeholder:"NAME"`
	// TraceFile names the file of events of sessions; empty for none.
	TraceFile string `name:"trace-file" help:"File to which SIGUSR1 starts to add the events of all sessions as lines of JSON, and stops again: sizes, codes and times, nothing of content." placeholder:"FILE" type:"path"`
}

// Check reports the first thing wrong with p as an *Error. It opens no file.
func (p Page) Check() error {
	if err := pair("status-cert", p.Cert, "status-key", p.Key); err != nil {
		return err
	}
	if p.Listen == "" {
		switch {
		case p.TokenFile != "":
			return fail("status-token-file", "is of use only with --status-listen")
		case p.Cert != "":
			return fail("status-cert", "is of use only with --status-listen")
		}
		return nil
	}
	if err := hostPort("status-listen", p.Listen); err != nil {
		return err
	}
	switch beyond := !p.OnLoopback(); {
	case beyond && p.TokenFile == "":
		return fail("status-token-file", "%s is not a loopback address: others must show a token there", p.Listen)
	case beyond && p.Cert == "":
		return fail("status-cert", "%s is not a loopback address: the token must not cross the network in clear", p.Listen)
	}
	return nil
}

// OnLoopback reports whether only this machine reaches the page, as far as the address
// tells.
func (p Page) OnLoopback() bool {
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return false
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
