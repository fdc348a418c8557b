package demo

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/coap/observe"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/fakehs"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
	"github.com/coapgw/coapgw/internal/linkemu"
)

// ipUDP is what IPv4 and UDP add to each datagram, in bytes.
const ipUDP = 28

// world is everything that the demonstration runs: a homeserver, the pair with the
// link between, and the same homeserver behind TLS.
type world struct {
	profile    link.Profile
	link       *linkemu.Link
	meter      meter
	roots      *x509.CertPool
	connectURL string
	tlsURL     string

	transport http.RoundTripper
	closers   []func() error // in order of starting
	running   sync.WaitGroup
	mu        sync.Mutex
	errs      []error
}

// build starts everything. On an error what was started is stopped.
func build(ctx context.Context, o Options) (w *world, err error) {
	w = &world{profile: o.Link}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	emulated := linkemu.FromProfile(w.profile, 1)
	emulated.Up.Burst, emulated.Down.Burst = link.GilbertElliott{}, link.GilbertElliott{}
	w.link = linkemu.New(emulated)
	w.closers = append(w.closers, w.link.Close)

	homeserver := o.Homeserver
	if homeserver == "" {
		if homeserver, err = w.listenHTTP("127.0.0.1:0", fakehs.New(fakehs.Config{ServerName: "ship.example"}), nil); err != nil {
			return w, err
		}
	}
	base, err := url.Parse(homeserver)
	if err != nil {
		return w, err
	}
	if err := w.startServe(o, base); err != nil {
		return w, err
	}
	if err := w.startConnect(ctx, o); err != nil {
		return w, err
	}
	return w, w.startTLS(base)
}

// startServe runs the homeserver's side of the pair.
func (w *world) startServe(o Options, base *url.URL) error {
	psk := keys.NewPSK()
	l, err := dtls.Listen(w.link.Listen(), dtls.Config{
		Profile: link.Default(), // a server learns the link from its clients
		Keys:    keys.PSKs{psk.Identity: psk.Key}.Lookup,
		Log:     o.Log,
	})
	if err != nil {
		return err
	}
	handler := gateway.NewServe(gateway.ServeOptions{Homeserver: base, Log: o.Log})
	name := gateway.NewHomeName("")
	ask, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	name.Ask(ask, base, o.Log)
	cancel()
	version2, err := gateway.Version2(config.Default().Wire, name.Name)
	if err != nil {
		return err
	}
	server := &coap.Server{Handler: handler, Version2: version2, Log: o.Log}
	ctx, stop := context.WithCancel(context.Background())
	w.running.Go(func() { w.fail(server.Serve(ctx, l)) })
	w.closers = append(w.closers, func() error { stop(); handler.Close(); return nil })
	transport := &coap.Transport{
		Profile:  w.profile,
		Version2: version2,
		Log:      o.Log,
		Dial: func(ctx context.Context) (net.Conn, error) {
			pc := w.link.Dial(&net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 40000})
			return dtls.Dial(ctx, pc, linkemu.FarAddr(), dtls.Config{
				Profile: w.profile, Identity: psk.Identity, Key: psk.Key, Log: o.Log,
			})
		},
	}
	joined := &join.Transport{Base: transport, Profile: w.profile}
	syncer := &observe.Syncer{Carry: joined.RoundTrip, Source: transport, Profile: w.profile, Log: o.Log}
	w.transport = syncer
	w.closers = append(w.closers, transport.Close, joined.Close, syncer.Close)
	return nil
}

// startConnect runs the client's side of the pair.
func (w *world) startConnect(ctx context.Context, o Options) error {
	listen := o.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	l, err := gateway.ListenWeb(ctx, listen, false)
	if err != nil {
		return err
	}
	w.connectURL = w.serveHTTP(l, gateway.NewConnect(gateway.ConnectOptions{Transport: w.transport, Log: o.Log}), nil)
	return nil
}

// startTLS puts the homeserver behind TLS, for the comparison.
func (w *world) startTLS(base *url.URL) error {
	// A chain of two certificates is the least that a public homeserver shows.
	ca, err := keys.NewCA("demo", time.Now())
	if err != nil {
		return err
	}
	pair, err := ca.IssueServer([]string{"127.0.0.1"}, time.Now())
	if err != nil {
		return err
	}
	root, err := x509.ParseCertificate(ca.DER)
	if err != nil {
		return err
	}
	w.roots = x509.NewCertPool()
	w.roots.AddCert(root)
	w.tlsURL, err = w.listenHTTP("127.0.0.1:0", httputil.NewSingleHostReverseProxy(base), &tls.Config{
		Certificates: []tls.Certificate{pair.TLS(ca.DER)},
		MinVersion:   tls.VersionTLS13,
	})
	return err
}

// listenHTTP serves h and returns its base URL. With a TLS configuration the
// connections are metered.
func (w *world) listenHTTP(addr string, h http.Handler, secure *tls.Config) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	return w.serveHTTP(l, h, secure), nil
}

// serveHTTP is listenHTTP on a socket that is there.
func (w *world) serveHTTP(l net.Listener, h http.Handler, secure *tls.Config) string {
	base := "http://" + l.Addr().String()
	if secure != nil {
		base = "https://" + l.Addr().String()
		l = tls.NewListener(meteredListener{l, &w.meter}, secure)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	w.running.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			w.fail(err)
		}
	})
	w.closers = append(w.closers, server.Close)
	return base
}

// tlsTransport is an HTTP client's way to the homeserver over TLS.
func (w *world) tlsTransport() *http.Transport {
	t := &http.Transport{
		DialContext:     w.meter.dial,
		TLSClientConfig: &tls.Config{RootCAs: w.roots, MinVersion: tls.VersionTLS13},
	}
	w.closers = append(w.closers, func() error { t.CloseIdleConnections(); return nil })
	return t
}

func (w *world) tlsCost() Cost { return w.meter.cost() }

// linkCost is what has crossed the emulated link, as IPv4 packets whatever the
// layers below UDP are there.
func (w *world) linkCost() Cost {
	s := w.link.Stats()
	return Cost{
		Up: int(s.Up.Payload + ipUDP*s.Up.Datagrams), PacketsUp: int(s.Up.Datagrams),
		Down: int(s.Down.Payload + ipUDP*s.Down.Datagrams), PacketsDown: int(s.Down.Datagrams),
	}
}

func (w *world) linkText() string {
	text := fmt.Sprintf("%s, %s up, %s down, %v each way",
		w.profile.Name, rateText(w.profile.RateUp), rateText(w.profile.RateDown), w.profile.OneWayDelay)
	if w.profile.HalfDuplex {
		text += fmt.Sprintf(", half duplex, %v to turn", w.profile.Turnaround+w.profile.Preamble)
	}
	return text
}

func rateText(rate float64) string {
	switch {
	case rate == 0:
		return "any rate"
	case rate < 10_000:
		return fmt.Sprintf("%.0f bit/s", rate)
	}
	return fmt.Sprintf("%.0f kbit/s", rate/1000)
}

func (w *world) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
}

// close stops everything in the reverse order of starting and waits for it.
func (w *world) close() error {
	var errs []error
	for i := len(w.closers) - 1; i >= 0; i-- {
		errs = append(errs, w.closers[i]())
	}
	w.running.Wait()
	return errors.Join(append(errs, w.errs...)...)
}
