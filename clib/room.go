//go:build cgo

package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	gw "github.com/coapgw/coapgw/client"
	"github.com/coapgw/coapgw/coap"
)

// roomOf reads what is to be told of a room.
func roomOf(what *request) (*gw.Stream, error) {
	room, err := gw.ParseStream(what.path)
	if err != nil {
		return nil, invalid("not a room and what is to be told of it: " + err.Error())
	}
	room.Token = what.token
	return &room, nil
}

// followRoom delivers what happens in a room until something ends it, which it returns.
func (o *observation) followRoom() event {
	err := o.client.carrier.Follow(o.life, *o.room, o.roomEvent)
	if o.life.Err() != nil {
		return event{err: failureOf(context.Cause(o.life))}
	}
	return event{err: refusedRoom(err)}
}

// roomEvent delivers an event of a room; an error ends the observation.
func (o *observation) roomEvent(from gw.Event) error {
	e := event{kind: kindData, cut: from.Cut, missing: from.Missing, skipped: from.Skipped}
	switch {
	case from.Err != nil:
		e.kind, e.err = kindTrouble, failureOf(from.Err)
	case from.Gap:
		e.kind = kindGap
	}
	if e.kind != kindTrouble {
		e.answer = &answer{status: http.StatusOK, contentType: "application/json", body: from.Fields}
		e.next = strconv.FormatUint(uint64(from.Mark), 10)
	}
	if o.deliver(e) {
		return errCanceled
	}
	return nil
}

// refusedRoom is why a room is told no more.
func refusedRoom(err error) *failure {
	f := failureOf(err)
	var refusal *coap.Error
	if errors.As(err, &refusal) && (f.code == codeLink || f.code == codeInvalid) {
		return &failure{code: codeRefused, message: refusal.Message, err: err}
	}
	return f
}
