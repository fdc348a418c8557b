package traffic

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// What people write to each other: a message a line, a language a file. Nothing of it is said
// on servers that are held out, nor on any other but those of Talks.
//
//go:embed said/*.txt
var saidFiles embed.FS

// saidEach is how many messages make a session of Talks.
const saidEach = 150

// Talks makes sessions in which people of all languages say what they have to say, and hardly
// anything else happens: each message of the files is sent once, by clients of all makes. A model learns
// from them how people write.
func Talks() []Session {
	var all []Session
	files, err := saidFiles.ReadDir("said")
	if err != nil {
		panic(err) // the files are part of the program
	}
	for _, f := range files {
		b, err := saidFiles.ReadFile("said/" + f.Name())
		if err != nil {
			panic(err)
		}
		language := strings.TrimSuffix(f.Name(), ".txt")
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		for n := 0; len(lines) > 0; n++ {
			some := lines[:min(len(lines), saidEach)]
			lines = lines[len(some):]
			all = append(all, talk(fmt.Sprintf("said-%s-%d.example", language, n), language, len(all), some))
		}
	}
	return all
}

// talkers are the makes of clients that people write with.
var talkers = []string{"element-web", "element-x", "cinny", "element-web", "element-android", "fluffychat", "hydrogen", "element-web", "nio", "nheko", "neochat", "weechat"}

// talk is one session of Talks, on a server of its own.
func talk(name, language string, n int, lines []string) Session {
	like := servers[n*7%len(servers)]
	if !slices.Contains(languages(), language) {
		language = "en" // for names
	}
	w := newWorld(Server{Name: name, Software: like.Software, Languages: []string{language}, Versions: like.Versions, Start: like.Start + int64(n)*86400, Busy: like.Busy, Traits: like.Traits})
	s := newSession(w, 0, clients[talkers[n%len(talkers)]])
	for _, line := range lines {
		s.pass(1500, 240000)
		if s.percent(25) {
			s.sent += s.between(1, 3) // what else it sends
		}
		r := s.talk()
		if s.client.typing && s.percent(55) {
			s.typing(r, true)
		}
		e := s.putDraft(r, draft{kind: "m.room.message", text: line, content: s.me.body(w, "m.text", line)}, "send_text")
		s.pending.in(r).timeline = append(s.pending.in(r).timeline, e)
		if s.percent(20) {
			s.put(r, actReaction)
		}
		for range s.between(1, 3) {
			s.hear()
			s.pass(1000, 32000)
		}
	}
	return Session{Name: s.name, Server: name, Client: s.client.name, Entries: s.entries, Times: s.times}
}
