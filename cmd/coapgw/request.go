//go:build !clientonly

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/join"
	"github.com/coapgw/coapgw/internal/config"
	"github.com/coapgw/coapgw/internal/gateway"
)

type requestCmd struct {
	config.Peer
	config.Link
	config.Request
	Method  string   `arg:"" help:"HTTP method."`
	Target  string   `arg:"" help:"Path and query, or a coaps:// URL with them."`
	Data    string   `short:"d" env:"-" help:"Body; @FILE reads it from a file, - from standard input. JSON, unless --header says otherwise." placeholder:"JSON|@FILE|-"`
	Header  []string `short:"H" env:"-" sep:"none" help:"Further HTTP header; may be repeated." placeholder:"'NAME: VALUE'"`
	Token   string   `help:"Access token. Others see command lines: prefer the environment." placeholder:"TOKEN"`
	MaxBody int64    `help:"Largest body of an answer, in bytes."`
	Verbose bool     `short:"v" env:"-" help:"Show each CoAP message, its options and its bytes."`
}

// Help is shown by request --help.
func (requestCmd) Help() string {
	return `Prints the body of the answer; the status, if it is an error, on standard error with exit code 1.

Examples:

  coapgw request --pairing @boat.pairing GET /_matrix/client/versions
  COAPGW_TOKEN=… coapgw request -v --pairing @boat.pairing PUT '/_matrix/client/v3/rooms/!a:b/send/m.room.message/1' -d '{"msgtype":"m.text","body":"hello"}'
  coapgw request --plain-insecure GET coap://127.0.0.1:5683/_matrix/client/versions`
}

// Run makes the request.
func (c *requestCmd) Run(ctx context.Context, std streams) (err error) {
	target, err := c.splitTarget()
	if err != nil {
		return err
	}
	for _, check := range []func() error{c.Peer.Check, c.Request.Check} {
		if err := check(); err != nil {
			return err
		}
	}
	profile, err := c.Link.Profile()
	if err != nil {
		return err
	}
	addresses, security, err := gateway.PeerSecurity(c.Peer)
	if err != nil {
		return err
	}
	request, err := c.request(ctx, target, std)
	if err != nil {
		return err
	}
	if c.Timeout == 0 {
		c.Timeout = join.Deadline(profile, request.ContentLength)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	request = request.WithContext(ctx)
	dialer := &gateway.Dialer{Routes: gateway.UDPRoutes(addresses...), Security: security, Profile: profile}
	transport := &coap.Transport{Dial: dialer.Dial, Profile: profile, FoldV3: c.FoldV3, MaxBody: c.MaxBody}
	if c.Verbose {
		transport.Dial = func(ctx context.Context) (net.Conn, error) {
			conn, err := dialer.Dial(ctx)
			if err != nil {
				return nil, err
			}
			tap, err := newWiretap(conn, std.err)
			if err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return tap, nil
		}
	}
	defer func() { err = errors.Join(err, transport.Close()) }()
	return exchange(transport, request, c.Verbose, std)
}

// exchange prints the answer to the request.
func exchange(transport http.RoundTripper, request *http.Request, verbose bool, std streams) error {
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if verbose {
		fmt.Fprintln(std.err, "HTTP", response.Status)
		if err := response.Header.Write(std.err); err != nil {
			return err
		}
	}
	last := &lastByte{w: std.out}
	if _, err := io.Copy(last, response.Body); err != nil {
		return err
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") && last.b != '\n' {
		fmt.Fprintln(std.out)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	return nil
}

// splitTarget returns path and query; a URL's server becomes --server.
func (c *requestCmd) splitTarget() (*url.URL, error) {
	target := c.Target
	if scheme, rest, ok := strings.Cut(c.Target, "://"); ok && (scheme == "coap" || scheme == "coaps") {
		host := rest
		target = "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			host, target = rest[:i], rest[i:]
		}
		c.Server = scheme + "://" + host
	}
	u, err := url.ParseRequestURI(target)
	if err != nil || !strings.HasPrefix(target, "/") {
		return nil, &argumentError{fmt.Sprintf("%q is neither a path nor a coaps:// URL", c.Target)}
	}
	return u, nil
}

func (c *requestCmd) request(ctx context.Context, target *url.URL, std streams) (*http.Request, error) {
	body, err := c.body(std)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, strings.ToUpper(c.Method), "coap://gateway", body)
	if err != nil {
		return nil, err
	}
	r.URL = target
	if body != http.NoBody {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range c.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, &config.Error{Option: "header", Problem: "is of the form 'Name: value'"}
		}
		r.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	return r, nil
}

func (c *requestCmd) body(std streams) (io.Reader, error) {
	var (
		data []byte
		err  error
	)
	switch name, file := strings.CutPrefix(c.Data, "@"); {
	case c.Data == "":
		return http.NoBody, nil
	case c.Data == "-":
		data, err = io.ReadAll(std.in)
	case file:
		data, err = os.ReadFile(name)
	default:
		data = []byte(c.Data)
	}
	return bytes.NewReader(data), err
}

// lastByte remembers the last byte that passed.
type lastByte struct {
	w io.Writer
	b byte
}

// Write implements io.Writer.
func (l *lastByte) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.b = p[len(p)-1]
	}
	return l.w.Write(p)
}
