package traffic

import (
	"html"
	"strings"
)

// act is something that a user may do in a room.
type act string

const (
	actText     act = "text"
	actHTML     act = "html"
	actReply    act = "reply"
	actEdit     act = "edit"
	actReaction act = "reaction"
	actFile     act = "file"
	actThread   act = "thread"
	actRedact   act = "redact"
	actLocation act = "location"
	actSticker  act = "sticker"
	actPoll     act = "poll"
	actVote     act = "vote"
	actVoice    act = "voice"
	actNotice   act = "notice"
	actEmote    act = "emote"
	actCustom   act = "custom"
	actCall     act = "call"
	actState    act = "state"
	actMember   act = "member"
)

// acts of people, and of programs.
var (
	acts = []choice[act]{
		{54, actText}, {5, actHTML}, {8, actReply}, {3, actEdit}, {12, actReaction}, {4, actFile}, {4, actThread}, {1, actRedact},
		{1, actLocation}, {1, actSticker}, {1, actPoll}, {1, actVote}, {1, actVoice}, {1, actEmote}, {1, actCall}, {1, actState}, {1, actMember},
	}
	botActs = []choice[act]{{70, actNotice}, {10, actEdit}, {12, actCustom}, {5, actReaction}, {3, actHTML}}
)

// draft is an event before it is sent.
type draft struct {
	kind    string
	content object
	text    string
	thread  string
	edits   *event
}

// reactions are the keys of annotations.
var reactions = []string{"👍", "👍️", "❤️", "😂", "🎉", "👀", "🙏", "✅", "😢", "🚀", "💯", "+1", "🔥", "🤔", "👋", "😄", "👎", "ack", "☕", "🐟"}

// happen lets one of the members of a room do something.
func (w *world) happen(r *room) *event {
	u := pick(w.source, r.members)
	what := choose(w.source, acts)
	if r.kind == "alerts" && w.percent(75) {
		u = pick(w.source, w.bots)
	}
	if u.bot {
		what = choose(w.source, botActs)
	}
	return w.does(r, u, what)
}

// does lets a user do something in a room, as other users see it.
func (w *world) does(r *room, u *user, what act) *event {
	switch what {
	case actRedact:
		if target := w.target(r, u, true); target != nil {
			return w.redact(r, u, target, w.reason(u))
		}
		what = actText
	case actState, actMember, actCall:
		return w.changeState(r, u, what)
	}
	d := w.compose(r, u, what)
	return w.send(r, u, d)
}

// send puts a draft into the room.
func (w *world) send(r *room, u *user, d draft) *event {
	e := w.add(r, u, d.kind, d.content)
	e.text, e.thread = d.text, d.thread
	if d.edits != nil {
		d.edits.latest = e
	}
	if d.thread != "" {
		for _, root := range r.timeline {
			if root.id == d.thread {
				root.replies++
			}
		}
	}
	return e
}

func (w *world) reason(u *user) string {
	if w.percent(50) {
		return ""
	}
	return u.speaker.phrase()
}

func (w *world) redact(r *room, u *user, target *event, reason string) *event {
	content := obj("reason", optional(reason))
	if r.version == "11" || r.version == "12" {
		content = content.with("redacts", target.id)
	}
	e := w.add(r, u, "m.room.redaction", content)
	e.redacts = target.id
	target.redacted, target.content, target.text = e, obj(), ""
	return e
}

// target is an earlier message of the room that a user knows of, one of their own if own is set.
func (w *world) target(r *room, u *user, own bool) *event {
	var fit []*event
	for _, e := range r.timeline[max(0, len(r.timeline)-25):] {
		if !e.state && e.redacted == nil && e.text != "" && (!own || e.sender == u) && w.knows(u, e) {
			fit = append(fit, e)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	// People answer to what was said last.
	if w.percent(60) {
		return fit[len(fit)-1]
	}
	return pick(w.source, fit)
}

// knows reports whether a user knows of an event: whose client is at work knows what it was told.
func (w *world) knows(u *user, e *event) bool { return u != w.listener || e.told == u.devices[0] }

// compose writes an event of a user, encrypted if the room is.
func (w *world) compose(r *room, u *user, what act) draft {
	d := w.plain(r, u, what)
	if !r.encrypted || d.kind == "m.reaction" || len(u.devices) == 0 {
		return d
	}
	relation := d.content.get("m.relates_to")
	inner := text(obj("room_id", r.id, "type", d.kind, "content", d.content))
	d.content = w.encrypt(r, u, len(inner))
	if relation != nil {
		d.content = d.content.with("m.relates_to", relation)
	}
	d.kind = "m.room.encrypted"
	return d
}

// plain writes an event of a user, not encrypted.
func (w *world) plain(r *room, u *user, what act) draft {
	s := w.source
	switch what {
	case actReaction, actVote:
		target := w.target(r, u, false)
		if target == nil {
			break
		}
		if what == actVote {
			return draft{kind: "org.matrix.msc3381.poll.response", content: obj("m.relates_to", obj("rel_type", "m.reference", "event_id", target.id), "org.matrix.msc3381.poll.response", obj("answers", []string{s.letters(16, upper+lower+decimal)}))}
		}
		return draft{kind: "m.reaction", content: obj("m.relates_to", obj("rel_type", "m.annotation", "event_id", target.id, "key", pick(s, reactions)))}
	case actReply:
		if target := w.target(r, u, false); target != nil {
			return w.reply(u, target)
		}
	case actThread:
		if root := w.target(r, u, false); root != nil {
			return w.threaded(r, u, root)
		}
	case actEdit:
		if target := w.target(r, u, true); target != nil {
			return w.edit(u, target)
		}
	case actHTML:
		return w.formatted(u)
	case actFile, actVoice:
		return w.file(r, u, what)
	case actSticker:
		return draft{kind: "m.sticker", text: "sticker", content: obj("body", pick(s, []string{"Wave", "cat", "thumbs", "🐙"}), "info", obj("w", 256, "h", 256, "mimetype", "image/png", "size", s.between(9000, 90000)), "url", w.mxc(u.server))}
	case actLocation:
		return w.location(u)
	case actPoll:
		return w.poll(u)
	case actNotice:
		return w.notice(u)
	case actCustom:
		return w.custom(u)
	case actEmote:
		body := u.speaker.phrase()
		return draft{kind: "m.room.message", text: body, content: obj("msgtype", "m.emote", "body", body)}
	}
	body := u.speaker.say()
	return draft{kind: "m.room.message", text: body, content: u.body(w, "m.text", body)}
}

// body is the content of a message, in the order of the client of its sender.
func (u *user) body(w *world, kind, body string) object {
	o := obj("msgtype", kind, "body", body)
	if u.bodyFirst {
		o = obj("body", body, "msgtype", kind)
	}
	if u.reader {
		o = o.with("m.mentions", obj())
	}
	return o
}

func (w *world) reply(u *user, target *event) draft {
	body := u.speaker.say()
	o := obj("msgtype", "m.text", "body", body)
	if u.quotes { // clients that still quote, for those that know no replies
		quoted := strings.ReplaceAll(target.text, "\n", "\n> ")
		o = obj("msgtype", "m.text", "body", "> <"+target.sender.id+"> "+quoted+"\n\n"+body, "format", "org.matrix.custom.html",
			"formatted_body", `<mx-reply><blockquote><a href="https://matrix.to/#/`+target.room.id+"/"+target.id+`">In reply to</a> <a href="https://matrix.to/#/`+target.sender.id+`">`+target.sender.id+"</a><br>"+html.EscapeString(target.text)+"</blockquote></mx-reply>"+html.EscapeString(body))
	}
	relation := obj("m.in_reply_to", obj("event_id", target.id))
	d := draft{kind: "m.room.message", text: body, thread: target.thread}
	if target.thread != "" {
		relation = obj("rel_type", "m.thread", "event_id", target.thread, "m.in_reply_to", obj("event_id", target.id), "is_falling_back", false)
	}
	d.content = o.with("m.mentions", when(u.reader, obj("user_ids", []string{target.sender.id})), "m.relates_to", relation)
	return d
}

func (w *world) threaded(r *room, u *user, root *event) draft {
	body := u.speaker.say()
	last := root
	if root.thread != "" {
		root = &event{id: root.thread}
	}
	return draft{kind: "m.room.message", text: body, thread: root.id, content: u.body(w, "m.text", body).with("m.relates_to", obj("rel_type", "m.thread", "event_id", root.id, "is_falling_back", true, "m.in_reply_to", obj("event_id", last.id)))}
}

func (w *world) edit(u *user, target *event) draft {
	body := target.text + pick(w.source, []string{"!", " :)", " (edit)", "", ".", "?"})
	if w.percent(40) {
		body = u.speaker.say()
	}
	fresh := obj("msgtype", "m.text", "body", body)
	o := obj("msgtype", "m.text", "body", "* "+body)
	if u.reader {
		fresh, o = fresh.with("m.mentions", obj()), o.with("m.mentions", obj())
	}
	return draft{kind: "m.room.message", edits: target, content: o.with("m.new_content", fresh, "m.relates_to", obj("rel_type", "m.replace", "event_id", target.id))}
}

// formatted is a message in Markdown, with the HTML that clients make of it.
func (w *world) formatted(u *user) draft {
	sp, s := u.speaker, w.source
	a, b := sp.phrase(), sp.phrase()
	ea, eb := html.EscapeString(a), html.EscapeString(b)
	var plain, rich string
	switch s.IntN(8) {
	case 0:
		plain, rich = "**"+a+"**", "<strong>"+ea+"</strong>"
	case 1:
		plain, rich = a+" *"+b+"*", ea+" <em>"+eb+"</em>"
	case 2:
		plain, rich = "- "+a+"\n- "+b, "<ul>\n<li>"+ea+"</li>\n<li>"+eb+"</li>\n</ul>\n"
	case 3:
		plain, rich = "`"+sp.universal()+"` "+a, "<code>"+html.EscapeString(sp.universal())+"</code> "+ea
	case 4:
		plain, rich = "> "+a+"\n\n"+b, "<blockquote>\n<p>"+ea+"</p>\n</blockquote>\n<p>"+eb+"</p>\n"
	case 5:
		plain, rich = a+"\n\n"+b, "<p>"+ea+"</p>\n<p>"+eb+"</p>\n"
	case 6:
		other := pick(s, w.locals)
		name := other.display
		if name == "" {
			name = other.local
		}
		plain, rich = name+": "+a, `<a href="https://matrix.to/#/`+other.id+`">`+name+"</a>: "+ea
		return draft{kind: "m.room.message", text: plain, content: obj("msgtype", "m.text", "body", plain, "format", "org.matrix.custom.html", "formatted_body", rich, "m.mentions", obj("user_ids", []string{other.id}))}
	default:
		link := sp.link()
		plain, rich = "["+a+"]("+link+")", `<a href="`+link+`">`+ea+"</a>"
	}
	return draft{kind: "m.room.message", text: plain, content: obj("msgtype", "m.text", "body", plain, "format", "org.matrix.custom.html", "formatted_body", rich, "m.mentions", when(u.reader, obj()))}
}
