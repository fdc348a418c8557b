package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Probed is what a homeserver says when it is asked whether it is there.
type Probed struct {
	// Version is the newest version of the client-server API that it names.
	Version string
	// Date is the time at the homeserver (RFC 9110 §6.6.1), zero where it does not tell.
	Date time.Time
}

// maxVersions bounds the answer to a Probe, in bytes.
const maxVersions = 1 << 20

// NotHomeserverError is an answer that is none of a homeserver.
type NotHomeserverError struct {
	Status int
	// Location is where the answer leads, empty where it leads nowhere. Serve does not go
	// there: clients would be led past the link.
	Location string
}

// Error implements error.
func (e *NotHomeserverError) Error() string {
	if e.Location != "" {
		return fmt.Sprintf("the homeserver answers %d and leads to %s: give the URL where it is", e.Status, e.Location)
	}
	return fmt.Sprintf("the homeserver answers %d, and not as a homeserver: give the base URL of the client-server API", e.Status)
}

// Probe asks the homeserver at base for its versions in the way in which Serve asks: over no
// proxy, following no redirection, and with roots as in ServeOptions. It fails with
// *NotHomeserverError, or with what kept an answer from coming.
func Probe(ctx context.Context, base *url.URL, roots *x509.CertPool) (Probed, error) {
	transport := newTransport(ServeOptions{RootCAs: roots})
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("/_matrix/client/versions").String(), nil)
	if err != nil {
		return Probed{}, err
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return Probed{}, plainly(err)
	}
	defer resp.Body.Close()
	var said struct{ Versions []string }
	err = json.NewDecoder(io.LimitReader(resp.Body, maxVersions)).Decode(&said)
	if err != nil || resp.StatusCode != http.StatusOK || len(said.Versions) == 0 {
		e := &NotHomeserverError{Status: resp.StatusCode}
		if to, err := resp.Location(); err == nil && resp.StatusCode/100 == 3 {
			to.RawQuery, to.User = "", nil
			e.Location = to.String()
		}
		return Probed{}, e
	}
	p := Probed{Version: said.Versions[len(said.Versions)-1]}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		p.Date = at
	}
	return p, nil
}

// plainly adds to an error what the operator can do about it.
func plainly(err error) error {
	var untrusted *tls.CertificateVerificationError
	var plain tls.RecordHeaderError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("%w; --homeserver-ca names who may have signed its certificate", err)
	case errors.As(err, &plain):
		return fmt.Errorf("%w; give an http:// URL", err)
	}
	return err
}
