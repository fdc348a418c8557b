//go:build cgo

package main

import (
	"log/slog"

	gw "github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/coap/session/boltstore"
)

// options are coapgw_options.
type options struct {
	link, stateFile, stateKey string
	device                    int
	maxBody                   int64 // bytes
	log                       *slog.Logger
}

// open readies a client by a pairing line.
func open(pairing string, o options) (*client, error) {
	device, ok := devices[o.device]
	if !ok {
		return nil, invalid("there is no such device")
	}
	if o.stateKey != "" && o.stateFile == "" {
		return nil, invalid("state_key_file is without state_file")
	}
	if o.maxBody == 0 {
		o.maxBody = defaultMaxBody
	}
	settings := gw.Options{Link: o.link, Device: device, MaxBody: o.maxBody, Recover: true, Log: o.log}
	if o.stateFile == "" {
		c, err := gw.Open(pairing, settings)
		if err != nil {
			return nil, openFailure(err)
		}
		return newClient(c, nil, o.maxBody), nil
	}
	if o.stateKey == "" {
		o.stateKey = o.stateFile + ".key"
	}
	key, err := boltstore.LoadKey(o.stateKey)
	if err != nil {
		return nil, stateFailure(err)
	}
	state, err := boltstore.Open(o.stateFile, key)
	if err != nil {
		return nil, stateFailure(err)
	}
	settings.Store = state
	c, err := gw.Open(pairing, settings)
	if err != nil {
		_ = state.Close() // nothing was written
		return nil, openFailure(err)
	}
	return newClient(c, state, o.maxBody), nil
}
