package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/coapgw/coapgw/conformance/recorder"
)

// A proxy stands between one client and the homeserver and records what they say.
type proxy struct {
	homeserver string // base URL
	transport  *http.Transport
	recording  *recording
	server     *http.Server
	url        string
}

// openProxy listens on a port of its own. The caller must call close.
func openProxy(homeserver, session string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{
		homeserver: homeserver,
		transport:  &http.Transport{DisableCompression: true},
		recording:  &recording{session: session, now: time.Now},
		url:        "http://" + l.Addr().String(),
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(l) }() // ends with close
	return p, nil
}

// close ends every request, also those that still wait for news.
func (p *proxy) close() error {
	defer p.transport.CloseIdleConnections()
	return p.server.Close()
}

// ServeHTTP forwards a request and records it once the client has its answer. What a
// client has given up is not recorded.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	header := r.Header.Clone()
	header.Del("Accept-Encoding") // the recording is of what was said, not of how it was packed
	resp, err := recorder.Do(r.Context(), p.transport, p.homeserver, recorder.Request{
		Method: r.Method, URI: r.RequestURI, Header: header, Body: body,
	})
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
		return
	}
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.Status)
	if _, err := w.Write(resp.Body); err != nil && len(resp.Body) > 0 {
		return
	}
	p.recording.add(r.Method, r.URL.EscapedPath(), r.URL.RawQuery, body, resp.Status, resp.Body)
}
