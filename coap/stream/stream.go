package stream

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// maxQueue is how many events wait for a client. Its payloads take maxSize each at
	// most.
	maxQueue = 64
	// maxKnown is of how many events it is remembered that they were told: more than
	// wait, and than an answer holds that says them again.
	maxKnown = 256
	// firstPause and lastPause bound the wait before a homeserver is asked again that has
	// failed, or that holds something which must not be asked past.
	firstPause = time.Second
	lastPause  = time.Minute
	// pollInterval is the least time between two polls that brought nothing, and
	// movedInterval that after one which ended because of something that is not told here:
	// what comes next may be for the client, who should not wait for it.
	pollInterval  = time.Second
	movedInterval = 100 * time.Millisecond
	// arrivalPause is before a room is looked for again that the user has just joined, and
	// maxArrivals how often it is.
	arrivalPause = 250 * time.Millisecond
	maxArrivals  = 20
)

// Stream is one room, as it is told to one client. Its methods must not be called at the
// same time.
type Stream struct {
	ask Ask
	get Get
	key []byte

	user, server string
	// room is its ID.
	room string
	// since is where the next poll goes on; empty where none was possible from the
	// beginning without asking past a to-device message.
	since string
	// held: a to-device message lies behind since, which stays there until another program
	// has fetched it.
	held bool
	// known are the newest events that were told or passed over, the newest last.
	known []string
	// mark is that of the last event that the client has.
	mark uint32
	// queue waits for the client.
	queue []word
	// over is why nothing comes after the queue, nil while something may.
	over *Error
	// pause is before the next poll, where one failed or is held.
	pause time.Duration
}

// word is a notification.
type word struct {
	payload []byte
	mark    uint32
}

// Open begins a stream. get is asked as the user; key makes marks that others cannot make,
// and gives the same ones whenever it is the same. An *Error is for the client; other errors
// are those of get.
func Open(ctx context.Context, ask Ask, get Get, key []byte) (*Stream, error) {
	s := &Stream{ask: ask, get: get, key: key}
	if err := s.whoAmI(ctx); err != nil {
		return nil, err
	}
	if err := s.findRoom(ctx); err != nil {
		return nil, err
	}
	if err := s.first(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Position is the payload that tells from where the stream goes on.
func (s *Stream) Position() []byte { return s.ask.begin(s.mark).bytes() }

// Run tells the client what is new, one event after the other: notify returns when the
// client has acknowledged a payload. Run returns its error, or that of ctx, and may be
// called again after either; or an *Error, after which there is nothing more.
func (s *Stream) Run(ctx context.Context, notify func(ctx context.Context, payload []byte) error) error {
	for {
		for len(s.queue) > 0 {
			if err := notify(ctx, s.queue[0].payload); err != nil {
				return err
			}
			s.mark = s.queue[0].mark
			s.queue = s.queue[1:]
		}
		if s.over != nil {
			return s.over
		}
		s.queue = nil // with what it was cut from
		if err := s.poll(ctx); err != nil {
			return err
		}
	}
}

// first finds where the stream begins.
func (s *Stream) first(ctx context.Context) error {
	n, t, err := s.arrive(ctx)
	if err != nil {
		return err
	}
	s.moveOn(n)
	for _, e := range s.wanted(t.Timeline.Events) {
		s.learn(e.ID)
	}
	if s.ask.Resume {
		return s.resume(ctx, t)
	}
	// One event more than is told: its mark says where the stream begins.
	enough, seen := s.ask.Last+1, 0
	p, err := s.look(ctx, t, func(*event) bool { seen++; return seen > enough })
	if err != nil {
		return err
	}
	if len(p.kept) == enough {
		s.pass(p.kept[0].ID)
		p.kept = p.kept[1:]
	}
	s.tell(p.kept)
	return nil
}

// arrive asks for the newest there is in the room. A user who has just joined may be in the
// room before it is in what the homeserver tells of the user's rooms.
func (s *Stream) arrive(ctx context.Context) (n news, t timeline, err error) {
	for range maxArrivals {
		if n, err = s.sync(ctx, "", 0); err != nil {
			return n, t, err
		}
		if t, ok := n.Rooms.Join[s.room]; ok {
			return n, t, nil
		}
		if err := s.member(ctx); err != nil {
			return n, t, err
		}
		if !sleep(ctx, arrivalPause) {
			return n, t, ctx.Err()
		}
	}
	return n, t, &Error{Status: statusUnavailable, ErrCode: "M_UNKNOWN", Message: "the homeserver does not tell the room yet"}
}

// resume begins after the event of a mark.
func (s *Stream) resume(ctx context.Context, t timeline) error {
	s.mark = s.ask.After
	p, err := s.look(ctx, t, func(e *event) bool { return markOf(s.key, s.room, e.ID) == s.ask.After })
	if err != nil {
		return err
	}
	s.tellPast(p, p.found || p.whole && s.ask.After == 0)
	return nil
}

// poll asks the homeserver for what is new, and queues it. Its error is that of ctx.
func (s *Stream) poll(ctx context.Context) error {
	if s.pause > 0 && !sleep(ctx, s.pause) {
		return ctx.Err()
	}
	asked, since := time.Now(), s.since
	wait := pollTimeout
	if s.since == "" || s.held {
		wait = 0 // it is answered at once
	}
	n, err := s.sync(ctx, s.since, wait)
	var fresh bool
	if err == nil {
		fresh, err = s.take(ctx, n)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refusal *Error
	switch {
	case errors.As(err, &refusal) && !passing(refusal.Status):
		s.over = refusal
		if refusal.Status != statusUnauthorized && refusal.Status != statusForbidden {
			// Such as a since that the homeserver knows no more: begun anew, it may do.
			s.over = &Error{Status: statusUnavailable, ErrCode: "M_UNKNOWN", Message: refusal.Message}
		}
	case err != nil, s.held && !fresh:
		s.pause = min(max(2*s.pause, firstPause), lastPause)
	case s.held:
		s.pause = firstPause
	default:
		s.pause = 0
		if !fresh {
			interval := pollInterval
			if n.Next != since {
				interval = movedInterval
			}
			s.pause = max(0, interval-time.Since(asked))
		}
	}
	return nil
}

// take queues what is new in an answer, and goes on from there if it can. It changes
// nothing when it fails.
func (s *Stream) take(ctx context.Context, n news) (fresh bool, err error) {
	t, joined := n.Rooms.Join[s.room]
	left := false
	if !joined {
		t, left = n.Rooms.Leave[s.room]
	}
	told := func(e *event) bool { return slices.Contains(s.known, e.ID) }
	overlaps := slices.ContainsFunc(s.wanted(t.Timeline.Events), func(e event) bool { return told(&e) })
	var p past
	if t.Timeline.Limited && !overlaps {
		// Events are missing between what was told and this.
		if p, err = s.look(ctx, t, told); err != nil {
			return false, err
		}
		s.tellPast(p, p.found || p.whole && len(s.known) == 0)
	} else {
		p.kept = slices.DeleteFunc(s.wanted(t.Timeline.Events), func(e event) bool { return told(&e) })
		s.tellPast(p, true)
	}
	s.moveOn(n)
	if left || s.since == "" && !joined {
		s.over = notInRoom()
	}
	return len(s.queue) > 0, nil
}

// moveOn takes next_batch over, unless a to-device message lies before it, which the
// homeserver would forget.
func (s *Stream) moveOn(n news) {
	if s.held = len(n.ToDevice.Events) > 0; !s.held {
		s.since = n.Next
	}
}

// tellPast queues what was found, behind the word of what was skipped, of which the number
// is known when nothing is missing in between.
func (s *Stream) tellPast(p past, exact bool) {
	over := max(0, len(p.kept)-maxQueue)
	for _, e := range p.kept[:over] {
		p.newest = e.ID
	}
	p.skipped += over
	if p.skipped > 0 || !exact {
		mark := s.lastMark()
		if p.newest != "" {
			mark = markOf(s.key, s.room, p.newest)
			s.learn(p.newest)
		}
		if !exact {
			p.skipped = 0
		}
		s.queue = append(s.queue, word{s.ask.gap(p.skipped, p.newest, mark), mark})
	}
	s.tell(p.kept[over:])
}

// tell queues events.
func (s *Stream) tell(events []event) {
	for i := range events {
		e := &events[i]
		mark := markOf(s.key, s.room, e.ID)
		s.learn(e.ID)
		s.queue = append(s.queue, word{s.ask.payload(e, s.server, mark), mark})
	}
}

// pass notes an event that is not told.
func (s *Stream) pass(id string) {
	s.learn(id)
	s.mark = markOf(s.key, s.room, id)
}

// lastMark is the mark of what the client has when it has all of the queue.
func (s *Stream) lastMark() uint32 {
	if n := len(s.queue); n > 0 {
		return s.queue[n-1].mark
	}
	return s.mark
}

// learn notes that an event was told or passed over.
func (s *Stream) learn(id string) {
	if slices.Contains(s.known, id) {
		return
	}
	s.known = append(s.known, id)
	if n := len(s.known) - maxKnown; n > 0 {
		s.known = slices.Delete(s.known, 0, n)
	}
}

// sleep waits; it reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
