package vectors

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coapgw/coapgw/cborcodec/coder"
	"github.com/coapgw/coapgw/cborcodec/wire2"
	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/observe"
)

// exchangeVector is what happens between an HTTP client and a homeserver, and on the link
// between them, step by step.
type exchangeVector struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Client and Server are who the ends are: "coapgw", or "foreign" for any other peer,
	// which cannot be played.
	Client string `json:"client"`
	Server string `json:"server"`
	setup
	Steps []step `json:"steps"`
}

// setup is how both ends are configured.
type setup struct {
	// Link is that of --link, empty for the default one.
	Link string `json:"link,omitempty"`
	// FoldV3 is --fold-v3 of the client.
	FoldV3 bool `json:"fold_v3,omitempty"`
	// MaxBody bounds the bodies that the server takes, in bytes; 0: the default.
	MaxBody int64 `json:"max_body,omitempty"`
	// Version2 says that both ends know wire version 2. Home is the name of the home server,
	// Entries the size of the tables, Class what the client may spend on coding: "server",
	// "handheld" or "microcontroller".
	Version2 bool   `json:"version2,omitempty"`
	Home     string `json:"home,omitempty"`
	Entries  int    `json:"entries,omitempty"`
	Class    string `json:"class,omitempty"`
	// Push says that the client has /sync pushed (docs/push.md).
	Push bool `json:"push,omitempty"`
}

// step is one thing that happens, at one end or on the way from it: a request or a response
// of HTTP, a message of CoAP, or nothing for a while.
type step struct {
	At string `json:"at,omitempty"` // "client" or "server"; who sends, of a message

	// Request and Response are the numbers of a request and of the request that is answered,
	// from 1 in the order in which they came to that end. Same says that it is what the
	// other end sent under this number, with nothing changed.
	Request  int  `json:"request,omitempty"`
	Response int  `json:"response,omitempty"`
	Same     bool `json:"same,omitempty"`

	Method  string   `json:"method,omitempty"`
	Target  string   `json:"target,omitempty"`
	Status  int      `json:"status,omitempty"`
	Headers []string `json:"headers,omitempty"`
	// Token is that of a request: it stands for an Authorization of Bearer and this.
	Token string `json:"token,omitempty"`
	// Body is the content; JSON is too, and stands for a Content-Type of application/json.
	Body string  `json:"body,omitempty"`
	JSON *string `json:"json,omitempty"`

	// Message is a datagram in hexadecimal, Reads the same in words. Lost says that it does
	// not arrive. Content is the payload of a message of version 2 before the coder.
	Message string `json:"message,omitempty"`
	Reads   string `json:"reads,omitempty"`
	Content string `json:"content,omitempty"`
	Lost    bool   `json:"lost,omitempty"`

	// Wait is for how many seconds nothing happens but what timers do.
	Wait float64 `json:"wait,omitempty"`
}

const (
	client, server  = "client", "server"
	coapgw, foreign = "coapgw", "foreign"
	firstOfServer   = 0x8001 // its first message ID in a file
	jsonType        = "Content-Type: application/json"
	bearer          = "Authorization: Bearer "
)

func (v *exchangeVector) title() string { return v.Name }

// lines is the row without its steps, and the steps.
func (v *exchangeVector) lines() (any, []any) {
	steps := make([]any, len(v.Steps))
	for i, s := range v.Steps {
		steps[i] = s
	}
	return struct {
		Name   string `json:"name"`
		Why    string `json:"why"`
		Client string `json:"client"`
		Server string `json:"server"`
		setup
	}{v.Name, v.Why, v.Client, v.Server, v.setup}, steps
}

// number is that of the request of a step, and whether the step is an HTTP message at all.
func (s *step) number() (n int, ok bool) {
	n = max(s.Request, s.Response)
	return n, n > 0 && (s.Request == 0 || s.Response == 0) && s.Message == "" && s.Wait == 0
}

// http is the HTTP message of a step.
func (v *exchangeVector) http(s *step) (httpMessage, error) {
	if s.Same {
		for i := range v.Steps {
			if o := &v.Steps[i]; o.Request == s.Request && o.Response == s.Response && o.At != s.At && !o.Same {
				return v.http(o)
			}
		}
		return httpMessage{}, fmt.Errorf("the same as what? %+v", s)
	}
	m := httpMessage{s.Method, s.Target, s.Status, slices.Clone(s.Headers), s.Body}
	if s.Token != "" {
		m.headers = append(m.headers, bearer+s.Token)
	}
	if s.JSON != nil {
		m.headers = append(m.headers, jsonType)
		m.body = *s.JSON
	}
	slices.Sort(m.headers)
	body, err := valuesOf([]string{m.body})
	m.body = body[0]
	return m, err
}

// stepOf is the step of an HTTP message; n is the number of a request, or, below zero, of
// the request that it answers.
func stepOf(at string, n int, m httpMessage) step {
	s := step{At: at, Request: max(n, 0), Response: max(-n, 0), Method: m.method, Target: m.target, Status: m.status, Headers: slices.Clone(m.headers)}
	slices.Sort(s.Headers)
	s.Headers = slices.DeleteFunc(s.Headers, func(line string) bool {
		token, ok := strings.CutPrefix(line, bearer)
		if ok {
			s.Token = token
		}
		return ok
	})
	if i := slices.Index(s.Headers, jsonType); i >= 0 && m.body != "" {
		s.Headers = slices.Delete(s.Headers, i, i+1)
		text := textOf([]byte(m.body))
		s.JSON = &text
		return s
	}
	s.Body = textOf([]byte(m.body))
	return s
}

// model is unpacked once; a format belongs to one bubble of virtual time.
var model = sync.OnceValues(coder.Shipped)

var classes = map[string]coder.Class{"": coder.Server, "server": coder.Server, "handheld": coder.Handheld, "microcontroller": coder.Microcontroller}

// version2 is what an end has of it.
func (s *setup) version2(class string) (*coap.Version2, error) {
	if !s.Version2 {
		return nil, nil
	}
	m, err := model()
	if err != nil {
		return nil, err
	}
	c, ok := classes[class]
	if !ok {
		return nil, fmt.Errorf("class %q", class)
	}
	return &coap.Version2{Format: wire2.NewFormat(m, 2), Home: func() string { return s.Home }, Entries: s.Entries, Class: c}, nil
}

// newEnd makes our own end.
func (s *setup) newEnd(side string) (*end, error) {
	profile, err := profileOf(s.Link)
	if err != nil {
		return nil, err
	}
	if side == server {
		v2, err := s.version2("")
		if err != nil {
			return nil, err
		}
		return newServer(&coap.Server{Profile: profile, MaxBody: s.MaxBody, Version2: v2}), nil
	}
	v2, err := s.version2(s.Class)
	if err != nil {
		return nil, err
	}
	t := &coap.Transport{Profile: profile, FoldV3: s.FoldV3, Version2: v2}
	if !s.Push {
		return newClient(t, nil), nil
	}
	var syncer *observe.Syncer
	e := newClient(t, func(base http.RoundTripper) http.RoundTripper {
		syncer = &observe.Syncer{Carry: base.RoundTrip, Source: t, Profile: profile}
		return syncer
	})
	stop := e.stop
	e.stop = func() error { return errors.Join(syncer.Close(), stop()) }
	return e, nil
}

// play plays the steps against each end that is ours.
func (v *exchangeVector) play(t *testing.T) error {
	played := 0
	for _, side := range []string{client, server} {
		kind := v.Client
		if side == server {
			kind = v.Server
		}
		switch kind {
		case foreign:
			continue
		case coapgw:
		default:
			return fmt.Errorf("the %s is %q", side, kind)
		}
		played++
		var err error
		synctest.Test(t, func(*testing.T) { err = v.playEnd(side) })
		if err != nil {
			return fmt.Errorf("the %s: %w", side, err)
		}
	}
	if played == 0 {
		return errors.New("nothing to play")
	}
	return v.readElsewhere()
}

// playEnd plays one end: what comes to it is given to it, and what comes of it must be as
// the steps say.
func (v *exchangeVector) playEnd(side string) (err error) {
	e, err := v.newEnd(side)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.stop()) }()
	ids := newIDs()
	for i := range v.Steps {
		if err := v.playStep(&v.Steps[i], e, side, ids); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	synctest.Wait()
	if d, more := e.far.Next(); more {
		return fmt.Errorf("one message more: %x", d)
	}
	if a, more := e.arrived.take(); more {
		return fmt.Errorf("one HTTP message more: %v", a)
	}
	return nil
}

func (v *exchangeVector) playStep(s *step, e *end, side string, ids *ids) error {
	n, isHTTP := s.number()
	switch {
	case s.Wait > 0:
		time.Sleep(time.Duration(s.Wait * float64(time.Second)))
		return nil
	case s.At != client && s.At != server:
		return fmt.Errorf("at %q", s.At)
	case s.Message != "":
		return s.playMessage(e, side, ids)
	case !isHTTP:
		return errors.New("nothing happens")
	case s.At != side:
		return nil
	}
	m, err := v.http(s)
	if err != nil {
		return err
	}
	synctest.Wait()
	switch {
	case side == client && s.Request > 0:
		e.ask(n, m)
		return nil
	case side == server && s.Response > 0:
		return e.answer(n, m)
	}
	a, ok := e.arrived.take()
	switch {
	case !ok:
		return errors.New("nothing came")
	case a.n != n || !a.equal(m):
		return fmt.Errorf("what came is %d, %v", a.n, a)
	}
	return nil
}

func (s *step) playMessage(e *end, side string, ids *ids) error {
	want, err := hex.DecodeString(s.Message)
	if err != nil {
		return err
	}
	if s.At != side {
		if s.Lost {
			return nil
		}
		return e.hear(ids.toEnd(want))
	}
	synctest.Wait()
	d, ok := e.far.Next()
	if !ok {
		return errors.New("no message was sent")
	}
	if got := ids.expected(d, want); !bytes.Equal(got, want) {
		return fmt.Errorf("sent %x", got)
	}
	return nil
}

// readElsewhere holds each message to a reader that shares nothing with ours, and its
// content to what is in the payload.
func (v *exchangeVector) readElsewhere() error {
	contents, err := v.contents()
	if err != nil {
		return err
	}
	for i, s := range v.Steps {
		if s.Content != contents[i] {
			return fmt.Errorf("step %d: the content is %s", i, contents[i])
		}
		if s.Message == "" {
			continue
		}
		if err := readsAs(s.Message, s.Reads); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

func (v *exchangeVector) mutants() (wrong []vector) {
	// An end that is ours says something more at last.
	more := *v
	more.Steps = append(slices.Clone(v.Steps), step{At: client, Message: "40000fff", Reads: "CON 0.00 mid:0fff token:"})
	if v.Client != coapgw {
		more.Steps[len(v.Steps)].At = server
	}
	wrong = append(wrong, &more)
	for i, s := range v.Steps {
		if s.Wait > 0 || !v.judges(s) {
			continue
		}
		m := *v
		m.Steps = slices.Clone(v.Steps)
		switch {
		case s.Message != "":
			m.Steps[i].Message = flipped(s.Message)
			m.Steps[i].Reads = ""
			if d, err := fromHex(m.Steps[i].Message); err == nil {
				m.Steps[i].Reads, _ = readMessage(d)
			}
		default:
			changed, err := v.http(&s)
			if err != nil {
				return nil
			}
			changed.body += " "
			m.Steps[i] = stepOf(s.At, s.Request-s.Response, changed)
		}
		wrong = append(wrong, &m)
	}
	return wrong
}

// judges reports whether a step says what an end that is ours must do.
func (v *exchangeVector) judges(s step) bool {
	ours := v.Client == coapgw
	if s.At == server {
		ours = v.Server == coapgw
	}
	return ours && (s.Message != "" || (s.At == server) == (s.Request > 0))
}
