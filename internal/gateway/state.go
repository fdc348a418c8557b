package gateway

import (
	"fmt"

	"github.com/coapgw/coapgw/coap/session"
	"github.com/coapgw/coapgw/coap/session/boltstore"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/config"
)

// State is the file in which sessions outlive the program; without a file it keeps
// nothing.
type State struct {
	store *boltstore.Store
}

// OpenState opens the file that cfg names, or makes it.
func OpenState(cfg config.State) (*State, error) {
	if cfg.File == "" {
		return &State{}, nil
	}
	keyFile := cfg.Key
	if keyFile == "" {
		keyFile = cfg.File + ".key"
	}
	key, err := boltstore.LoadKey(keyFile)
	if err != nil {
		return nil, fmt.Errorf("--state-key: %w", err)
	}
	store, err := boltstore.Open(cfg.File, key)
	if err != nil {
		return nil, fmt.Errorf("--state: %w", err)
	}
	return &State{store}, nil
}

// Sessions is where dtls keeps sessions, nil without a file.
func (s *State) Sessions() dtls.Store {
	if s.store == nil {
		return nil
	}
	return s.store
}

// Store is the file as a store for what else outlives the program, nil without a file.
func (s *State) Store() session.Store {
	if s.store == nil {
		return nil
	}
	return s.store
}

// Close closes the file, after everything that uses it.
func (s *State) Close() error {
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}
