package idtable

// Notification is a message of the server's that answers no request.
type Notification struct {
	server      *Server
	base, batch *Batch
	floor       uint64
}

// Notification begins a notification to the client in its present life.
func (s *Server) Notification() (*Outgoing, *Notification) {
	s.mu.Lock()
	n := &Notification{server: s, base: s.base, floor: s.floor}
	asked := s.in.batches[s.in.newest]
	o := &Outgoing{own: &s.out, base: n.base, other: &s.in, against: view{size: s.size}}
	if s.doubt || !s.rooted {
		n.base, asked, o.base = nil, nil, nil
	}
	if asked != nil {
		o.against = s.in.view(asked.End, s.size)
	}
	if n.base != nil {
		o.baseNote = n.base.Note
	}
	o.mayInsert = n.base != nil && s.rooted && !s.full() && s.notAhead()
	o.finish = func(note any, keep bool) State {
		defer s.mu.Unlock()
		if !keep {
			return State{}
		}
		st := s.commit(o, n.base, note, n)
		if n.base != nil {
			st.Server = name(n.base.Number, notificationNames)
		}
		if o.leaned {
			st.HasAsked, st.Asked = true, asked.Number
		}
		s.naming[n] = struct{}{}
		return st
	}
	return o, n
}

// Done says what became of the notification: whether the client has acknowledged it,
// which it does once it has read it. It is false when the client has rejected it, or it
// cannot arrive any more.
func (n *Notification) Done(acknowledged bool) {
	s := n.server
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.naming, n)
	s.doubt = s.doubt || !acknowledged
	if n.batch == nil || !acknowledged || n.floor != s.floor {
		return
	}
	s.out.settle(n.batch, held)
	if n.batch.state == held && (s.base == nil || s.base.Number < n.batch.Number) {
		s.base = n.batch
	}
}
