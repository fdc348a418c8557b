package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/udp/coder"

	"github.com/coapgw/coapgw/coap"
	"github.com/coapgw/coapgw/coap/endpoint"
)

// messageVector is a datagram that comes to a server as the first of a session, what it
// says, and what is answered.
type messageVector struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	// Message is the datagram in hexadecimal, Reads the same in words; empty: it is no
	// message.
	Message string `json:"message"`
	Reads   string `json:"reads,omitempty"`
	// Answer is the datagram that comes back, empty for none, in words AnswerReads. Where the
	// homeserver is asked it answers 200 with {}.
	Answer      string `json:"answer"`
	AnswerReads string `json:"answer_reads,omitempty"`
}

func (v *messageVector) title() string { return v.Name }

func (v *messageVector) fill(t *testing.T) error {
	d, err := fromHex(v.Message)
	if v.Reads != "" {
		if d, err = writeMessage(v.Reads); err == nil {
			v.Message = fmt.Sprintf("%x", d)
			v.Reads, err = readMessage(d)
		}
	}
	if err != nil {
		return err
	}
	reply, err := v.ask(t, d)
	if err != nil || reply == nil {
		return err
	}
	v.Answer = fmt.Sprintf("%x", reply)
	v.AnswerReads, err = readMessage(reply)
	return err
}

// ask gives the datagram to a server and returns what it sends.
func (v *messageVector) ask(t *testing.T, d []byte) (reply []byte, err error) {
	synctest.Test(t, func(*testing.T) {
		e := newServer(new(coap.Server))
		defer func() { err = errors.Join(err, e.stop()) }()
		if err = e.hear(d); err != nil {
			return
		}
		synctest.Wait()
		if a, asked := e.arrived.take(); asked {
			if err = e.answer(a.n, httpMessage{status: 200, headers: []string{"Content-Type: application/json"}, body: "{}"}); err != nil {
				return
			}
		}
		synctest.Wait()
		reply, _ = e.far.Next()
		if more, ok := e.far.Next(); ok {
			err = fmt.Errorf("a second answer: %x", more)
			return
		}
		ids := newIDs()
		ids.next = firstOfServer
		if reply != nil {
			reply = ids.toFileAs(reply)
		}
	})
	return reply, err
}

func (v *messageVector) play(t *testing.T) error {
	d, err := fromHex(v.Message)
	if err != nil {
		return err
	}
	if err := readsAs(v.Message, v.Reads); err != nil {
		return err
	}
	reply, err := v.ask(t, d)
	if err != nil {
		return err
	}
	if got := fmt.Sprintf("%x", reply); got != v.Answer {
		return fmt.Errorf("is answered %s", got)
	}
	if v.Answer == "" {
		return nil
	}
	return readsAs(v.Answer, v.AnswerReads)
}

func (v *messageVector) mutants() []vector {
	reply, reads := *v, *v
	if v.Answer == "" {
		reply.Answer = "70000001"
	} else {
		reply.Answer = flipped(v.Answer)
	}
	reads.Reads += "0"
	return []vector{&reply, &reads}
}

// readsAs holds a datagram to its words in three readers: that of this package, ours and
// go-coap's. No words mean that it is no message.
func readsAs(digits, words string) error {
	d, err := fromHex(digits)
	if err != nil {
		return err
	}
	got, err := readMessage(d)
	if err != nil && words != "" {
		return err
	}
	m, ourErr := endpoint.ParseMessage(bytes.Clone(d))
	if words == "" {
		if ourErr == nil {
			return fmt.Errorf("%s is taken for a message", digits)
		}
		return nil
	}
	if got != words {
		return fmt.Errorf("%s reads %s", digits, got)
	}
	if ourErr != nil {
		return ourErr
	}
	again, err := endpoint.AppendMessage(nil, &m)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, d) {
		return fmt.Errorf("%s is written again as %x", digits, again)
	}
	theirs := message.Message{Options: make(message.Options, 0, len(d))}
	if _, err := coder.DefaultCoder.Decode(d, &theirs); err != nil {
		return fmt.Errorf("go-coap: %w", err)
	}
	if int(theirs.Code) != int(m.Code) || theirs.MessageID != int32(m.MessageID) || int(theirs.Type) != int(m.Type) ||
		!bytes.Equal(theirs.Token, m.Token) || !bytes.Equal(theirs.Payload, m.Payload) {
		return fmt.Errorf("go-coap reads %s as %v", digits, theirs)
	}
	for _, o := range theirs.Options { // it drops options of illegal length
		if !slices.ContainsFunc(m.Options, func(ours endpoint.Option) bool {
			return int(ours.Number) == int(o.ID) && bytes.Equal(ours.Value, o.Value)
		}) {
			return fmt.Errorf("go-coap finds option %d in %s", o.ID, digits)
		}
	}
	return nil
}
