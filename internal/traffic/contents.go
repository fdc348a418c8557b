package traffic

import "fmt"

// location is where a user is, in the old form or that of MSC3488.
func (w *world) location(u *user) draft {
	s := w.source
	geo := fmt.Sprintf("geo:%.*f,%.*f", s.between(3, 6), float64(s.between(-600000, 700000))/10000, s.between(3, 6), float64(s.between(-1700000, 1700000))/10000)
	if s.percent(60) {
		geo += fmt.Sprintf(";u=%d", s.between(3, 60))
	}
	body := "Location " + geo
	if s.percent(50) {
		return draft{kind: "m.room.message", text: body, content: obj("msgtype", "m.location", "body", pick(s, u.speaker.places), "geo_uri", geo)}
	}
	return draft{kind: "m.room.message", text: body, content: obj("body", body, "msgtype", "m.location", "geo_uri", geo, "org.matrix.msc3488.location", obj("uri", geo, "description", raw("null")), "org.matrix.msc3488.asset", obj("type", pick(s, []string{"m.self", "m.pin"})), "org.matrix.msc1767.text", body, "org.matrix.msc3488.ts", w.now)}
}

// poll is a question with answers (MSC3381).
func (w *world) poll(u *user) draft {
	s, sp := w.source, u.speaker
	question := sp.phrase()
	lines := question
	answers := array{}
	for i := range s.between(2, 4) {
		a := pick(s, sp.days)
		if s.percent(50) {
			a = pick(s, sp.places)
		}
		lines += fmt.Sprintf("\n%d. %s", i+1, a)
		answers = append(answers, obj("id", s.letters(16, upper+lower+decimal), "org.matrix.msc1767.text", a))
	}
	return draft{kind: "org.matrix.msc3381.poll.start", text: question, content: obj("org.matrix.msc3381.poll.start", obj("question", obj("org.matrix.msc1767.text", question, "body", question, "msgtype", "m.text"), "kind", pick(s, []string{"org.matrix.msc3381.poll.disclosed", "org.matrix.msc3381.poll.undisclosed"}), "max_selections", 1, "answers", answers), "org.matrix.msc1767.text", lines)}
}

// custom is an event of a kind that no specification has.
func (w *world) custom(u *user) draft {
	s := w.source
	switch s.IntN(4) {
	case 0:
		return draft{kind: "com.example.sensor.reading", content: obj("sensor", s.letters(4, lower)+"-"+s.letters(2, decimal), "value", float64(s.between(-200, 4000))/100, "unit", pick(s, []string{"°C", "hPa", "V", "%", "m/s"}), "seq", s.between(1, 90000), "ok", true)}
	case 1:
		return draft{kind: "org.example.position", content: obj("lat", fmt.Sprintf("%.5f", float64(s.between(30000000, 69000000))/1e6), "lon", fmt.Sprintf("%.5f", float64(s.between(-20000000, 30000000))/1e6), "sog", float64(s.between(0, 150))/10, "cog", s.IntN(360), "t", w.now/1000)}
	case 2:
		return draft{kind: "com.example.telemetry", content: obj("v", 1, "d", array{s.IntN(1000), s.IntN(1000), float64(s.IntN(10000)) / 8, raw("null"), "", obj()}, "", "x")}
	}
	return draft{kind: "com.example.job", content: obj("job", s.uuid(), "state", pick(s, []string{"queued", "running", "done", "failed"}), "progress", s.IntN(101), "log", when(s.percent(30), u.speaker.link()))}
}
