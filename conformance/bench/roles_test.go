//go:build unix

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/link"
	"github.com/coapgw/coapgw/dtls"
	"github.com/coapgw/coapgw/internal/gateway"
	"github.com/coapgw/coapgw/internal/keys"
)

// roles are the processes of a pair by name. Each returns where it listens.
var roles = map[string]func(args []string) (address string, stop func(), err error){
	"homeserver": homeserver,
	"serve":      serve,
	"connect":    connect,
}

var psk = keys.PSK{Identity: "ship", Key: []byte("0123456789abcdef")}

// maxSessions is more than any benchmark opens.
const maxSessions = 20_000

// mediaSize is the length of the file that the homeserver offers, in bytes.
const mediaSize = 10 << 20

const (
	sendPath     = "/_matrix/client/r0/rooms/!room:ship.example/send/m.room.message/"
	uploadPath   = "/_matrix/media/r0/upload"
	downloadPath = "/_matrix/media/r0/download/ship.example/file"
)

// homeserver knows three answers.
func homeserver([]string) (string, func(), error) {
	media := make([]byte, mediaSize)
	for i := range media {
		media[i] = byte(i * i >> 3)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+sendPath, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"event_id":"$Ic2lvrBOPgJQ5WyUVyeuVaMrXN6vFxsxMHS4ZDOCGYk"}`)
	})
	mux.HandleFunc("POST "+uploadPath, func(w http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); n != mediaSize {
			w.WriteHeader(http.StatusBadRequest)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"content_uri":"mxc://ship.example/file"}`)
	})
	mux.HandleFunc("GET "+downloadPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/jpeg")
		w.Header().Set("Content-Length", strconv.Itoa(mediaSize))
		_, _ = w.Write(media)
	})
	return listenHTTP(mux)
}

// serve is the homeserver's side of the pair; its argument is the homeserver.
func serve(args []string) (string, func(), error) {
	base, err := url.Parse(args[0])
	if err != nil {
		return "", nil, err
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	l, err := dtls.Listen(pc, dtls.Config{Profile: link.Default(), Keys: keys.PSKs{psk.Identity: psk.Key}.Lookup, MaxSessions: maxSessions})
	if err != nil {
		return "", nil, err
	}
	handler := gateway.NewServe(gateway.ServeOptions{Homeserver: base})
	ctx, end := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- (&coap.Server{Handler: handler, MaxSessions: maxSessions}).Serve(ctx, l) }()
	return pc.LocalAddr().String(), func() { end(); <-served; handler.Close() }, nil
}

// connect is the client's side of the pair; its argument is where serve listens.
func connect(args []string) (string, func(), error) {
	transport, err := transportTo(args[0])
	if err != nil {
		return "", nil, err
	}
	address, stop, err := listenHTTP(gateway.NewConnect(gateway.ConnectOptions{Transport: transport}))
	return address, func() { stop(); _ = transport.Close() }, err
}

// transportTo is a Transport with sessions to a serve.
func transportTo(address string) (*coap.Transport, error) {
	peer, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	return &coap.Transport{Dial: func(ctx context.Context) (net.Conn, error) {
		pc, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		return dtls.Dial(ctx, pc, peer, dtls.Config{Profile: link.Default(), Identity: psk.Identity, Key: psk.Key})
	}}, nil
}

func listenHTTP(h http.Handler) (string, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error)
	go func() { served <- server.Serve(l) }()
	stop := func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			fmt.Println(err)
		}
	}
	return "http://" + l.Addr().String(), stop, nil
}
