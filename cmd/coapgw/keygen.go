//go:build !clientonly

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/pairing"
)

type keygenCmd struct {
	PSK  keygenPSKCmd  `cmd:"" name:"psk" help:"Make a pre-shared key for one client."`
	Cert keygenCertCmd `cmd:"" help:"Make a certificate: for a DTLS server, for HTTPS, or for a client."`
	CA   keygenCACmd   `cmd:"" name:"ca" help:"Make a certificate authority for a household."`

	Station keygenStationCmd `cmd:"" help:"Make the key of an amateur radio station."`
}

// Help is shown by keygen --help.
func (keygenCmd) Help() string {
	return `A pairing line holds all that "coapgw connect --pairing" needs, the client's key included: hand it over as you would a password.`
}

type keygenPSKCmd struct {
	PSKFile    string   `env:"-" name:"psk-file" help:"Add the key to this file, which serve reads." placeholder:"FILE" type:"path"`
	Server     []string `env:"-" help:"Print a pairing line for a server at this address; may be repeated, best first." placeholder:"HOST:PORT"`
	Homeserver string   `env:"-" help:"Matrix server name to note in the pairing line." placeholder:"NAME"`
}

// Help is shown by keygen psk --help.
func (keygenPSKCmd) Help() string {
	return `Without --psk-file it prints the line to put there. The identity is random: it travels in clear.

Example:

  coapgw keygen psk --psk-file keys --server gw.example.org:5684 > boat.pairing`
}

// Run makes the key.
func (c keygenPSKCmd) Run(std streams) error {
	psk := keys.NewPSK()
	var line string
	if len(c.Server) > 0 {
		var err error
		line, err = pairing.Pairing{Addresses: c.Server, PSK: psk, Homeserver: c.Homeserver}.Secret()
		if err != nil {
			return err
		}
	}
	if c.PSKFile == "" {
		fmt.Fprintln(std.out, psk.Line())
	} else if err := keys.AppendPSK(c.PSKFile, psk); err != nil {
		return err
	}
	if line != "" {
		fmt.Fprintln(std.out, line)
	}
	if c.PSKFile != "" {
		fmt.Fprintf(std.err, "added identity %s to %s\n", psk.Identity, c.PSKFile)
	}
	return nil
}

// newFiles are where a certificate and its key go.
type newFiles struct {
	Cert string `env:"-" required:"" help:"File to make for the certificate (PEM)." placeholder:"FILE" type:"path"`
	Key  string `env:"-" required:"" help:"File to make for its key (PEM)." placeholder:"FILE" type:"path"`
}

// write makes the files and prints the certificate's fingerprint.
func (f newFiles) write(pair keys.Pair, std streams) error {
	if err := pair.Write(f.Cert, f.Key); err != nil {
		return err
	}
	_, err := fmt.Fprintln(std.err, "fingerprint", pair.Fingerprint())
	return err
}

type keygenCACmd struct {
	newFiles
	Name string `env:"-" default:"coapgw household CA" help:"Name that devices show for it." placeholder:"NAME"`
}

// Help is shown by keygen ca --help.
func (keygenCACmd) Help() string {
	return `Install the certificate on the phones of the household. Whoever has the key can pose as any web site to them: keep it off the network.`
}

// Run makes the authority.
func (c keygenCACmd) Run(std streams) error {
	ca, err := keys.NewCA(c.Name, time.Now())
	if err != nil {
		return err
	}
	return c.write(ca, std)
}

type keygenCertCmd struct {
	newFiles
	Name       []string `env:"-" help:"DNS name or IP address of the server; may be repeated." placeholder:"NAME"`
	Client     string   `env:"-" help:"Make a client's certificate with this name instead; needs --ca." placeholder:"NAME"`
	CA         string   `env:"-" name:"ca" help:"Certificate (PEM) of the authority that signs; without, the certificate signs itself." placeholder:"FILE" type:"path"`
	CAKey      string   `env:"-" name:"ca-key" help:"Key (PEM) of --ca." placeholder:"FILE" type:"path"`
	Server     []string `env:"-" help:"Print a pairing line that pins the certificate, for a server at this address; may be repeated, best first." placeholder:"HOST:PORT"`
	Homeserver string   `env:"-" help:"Matrix server name to note in the pairing line." placeholder:"NAME"`
}

// Help is shown by keygen cert --help.
func (keygenCertCmd) Help() string {
	return `Examples: a certificate for serve that clients pin; one for the HTTPS port of connect:

  coapgw keygen cert --cert gw.pem --key gw.key --server gw.example.org:5684
  coapgw keygen cert --ca ca.pem --ca-key ca.key --name gw.boat --name 10.0.0.1 --cert web.pem --key web.key`
}

// Run makes the certificate.
func (c keygenCertCmd) Run(std streams) error {
	pair, err := c.make()
	if err != nil {
		return err
	}
	if err := c.write(pair, std); err != nil {
		return err
	}
	if len(c.Server) == 0 {
		return nil
	}
	fingerprint := pair.Fingerprint()
	line, err := pairing.Pairing{Addresses: c.Server, Fingerprint: &fingerprint, Homeserver: c.Homeserver}.Secret()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, line)
	return err
}

func (c keygenCertCmd) make() (keys.Pair, error) {
	now := time.Now()
	if c.CA == "" {
		if c.Client != "" || c.CAKey != "" {
			return keys.Pair{}, &config.Error{Option: "ca", Problem: "is needed with --client and --ca-key"}
		}
		return keys.NewSelfSigned(keys.Ed25519, c.Name, now)
	}
	if c.CAKey == "" {
		return keys.Pair{}, &config.Error{Option: "ca-key", Problem: "is needed with --ca"}
	}
	ca, err := keys.LoadPair(c.CA, c.CAKey)
	if err != nil {
		return keys.Pair{}, err
	}
	if c.Client != "" {
		return ca.IssueClient(c.Client, now)
	}
	pair, err := ca.IssueServer(c.Name, now)
	if errors.Is(err, keys.ErrNoNames) {
		return keys.Pair{}, &config.Error{Option: "name", Problem: "give the server's name or address as clients write it"}
	}
	return pair, err
}
