//go:build !clientonly

package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/coapgw/coapgw/internal/keys"
)

type keygenStationCmd struct {
	Call           string `env:"-" required:"" help:"Call sign in upper case; a suffix tells several stations of one operator apart." placeholder:"CALL"`
	TokenFile      string `env:"-" required:"" help:"File with the access token with which serve acts for the station; it stays with serve." placeholder:"FILE" type:"path"`
	Stations       string `env:"-" required:"" help:"Add the station to this file, which serve reads." placeholder:"FILE" type:"path"`
	StationKeyFile string `env:"-" required:"" help:"File to make for the key, which connect reads." placeholder:"FILE" type:"path"`
}

// Help is shown by keygen station --help.
func (keygenStationCmd) Help() string {
	return `Give the station a login of its own, without encryption: room keys that are sent to it are lost. Prints the password with which Matrix clients log in at connect; it is made from the key and never goes on air.

Example: with the token that a login at the homeserver gave (POST /_matrix/client/v3/login):

  coapgw keygen station --call OE1XYZ-7 --token-file token --stations stations --station-key-file OE1XYZ-7.key`
}

// Run makes the key.
func (c keygenStationCmd) Run(std streams) error {
	token, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return err
	}
	station, err := keys.NewStation(c.Call, bytes.TrimSpace(token))
	if err != nil {
		return err
	}
	// The file of the key must be new: it goes first.
	if err := keys.WriteStationKey(c.StationKeyFile, station); err != nil {
		return err
	}
	if err := keys.AppendStation(c.Stations, station); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, "password", keys.LocalPassword(station.Key))
	return err
}
