package gateway

import (
	"context"
	"errors"
	"net"
	"net/url"

	"github.com/coapgw/coapgw/dtls/dialer"
	"github.com/coapgw/coapgw/integrity"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/keys"
)

// ServerStations reads the stations that cfg names, and how they are known; nil for
// both where the link is secured otherwise.
func ServerStations(cfg config.Serve) ([]keys.Station, *integrity.Config, error) {
	if cfg.LinkSecurity != config.Integrity {
		return nil, nil, nil
	}
	stations, err := keys.LoadStations(cfg.Stations)
	if err != nil {
		return nil, nil, err
	}
	var sec integrity.Config
	for _, s := range stations {
		sec.Stations = append(sec.Stations, integrity.Station{Call: s.Call, Key: s.Key})
	}
	return stations, &sec, nil
}

// PeerStation reads what cfg says of a station and its server; nil where the link is
// secured otherwise.
func PeerStation(cfg config.Connect) (addresses []string, _ *integrity.Config, err error) {
	if cfg.LinkSecurity != config.Integrity {
		return nil, nil, nil
	}
	u, err := url.Parse(cfg.Server)
	if err != nil {
		return nil, nil, err
	}
	key, err := loadKey(cfg.StationKeyFile)
	if err != nil {
		return nil, nil, err
	}
	return []string{dialer.WithPort(u.Host, dialer.Port)}, &integrity.Config{Station: integrity.Station{Call: cfg.Station, Key: key}}, nil
}

// dialStation opens a session of a station, or goes on with the stored one.
func (d *Dialer) dialStation(ctx context.Context, r Route, pc net.PacketConn) (net.Conn, error) {
	cfg := *d.Station
	cfg.Profile, cfg.Log = d.Profile, d.Log
	release := func() {}
	if cfg.Store != nil {
		var kept bool
		if release, kept = d.slot.Claim(); !kept {
			cfg.Store = nil
		}
	}
	if cfg.Store != nil {
		conn, err := integrity.Resume(pc, r.Peer, cfg)
		if err == nil {
			return &keptStation{conn, release}, nil
		}
		if !errors.Is(err, integrity.ErrNoSession) {
			d.log().Warn("the stored session cannot be used", "err", err)
		}
		if pc, err = r.Open(); err != nil { // Resume has closed the first
			release()
			return nil, err
		}
	}
	conn, err := integrity.Dial(ctx, pc, r.Peer, cfg)
	if err != nil {
		release()
		return nil, err
	}
	return &keptStation{conn, release}, nil
}

// keptStation is the session in the store until it is closed.
type keptStation struct {
	*integrity.Conn
	release func()
}

// Close ends the session.
func (c *keptStation) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// Suspend leaves the session to another program.
func (c *keptStation) Suspend() error {
	defer c.release()
	return c.Conn.Suspend()
}
