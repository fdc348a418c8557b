package traffic

import "fmt"

// fileNames are as cameras, scanners and people name files.
var fileNames = []struct{ format, mimetype, kind string }{
	{"IMG_2025%04d.jpg", "image/jpeg", "m.image"},
	{"IMG-20250%03d-WA0003.jpg", "image/jpeg", "m.image"},
	{"image.png", "image/png", "m.image"},
	{"Screenshot from 2025-06-%02d 11-42-03.png", "image/png", "m.image"},
	{"signal-2025-0%d.jpeg", "image/jpeg", "m.image"},
	{"PXL_202505%02d_173012345.jpg", "image/jpeg", "m.image"},
	{"scan%d.pdf", "application/pdf", "m.file"},
	{"invoice-%d.pdf", "application/pdf", "m.file"},
	{"log-%d.txt", "text/plain", "m.file"},
	{"route_%d.gpx", "application/gpx+xml", "m.file"},
	{"backup.%d.tar.gz", "application/gzip", "m.file"},
	{"VID_%d.mp4", "video/mp4", "m.video"},
}

// file is an event with a file: an image, a document, a video, a voice message.
func (w *world) file(r *room, u *user, what act) draft {
	s := w.source
	f := pick(s, fileNames)
	name := f.format
	if len(name) > 9 && name != "image.png" {
		name = fmt.Sprintf(f.format, s.between(1, 28))
	}
	size := s.between(2000, 6000000)
	info := obj("size", size, "mimetype", f.mimetype)
	kind, extra := f.kind, object{}
	switch {
	case what == actVoice:
		ms := s.between(800, 90000)
		wave := array{}
		for range s.between(30, 60) {
			wave = append(wave, s.IntN(1024))
		}
		kind, name, info = "m.audio", "Voice message.ogg", obj("duration", ms, "mimetype", "audio/ogg", "size", ms*3)
		extra = obj("org.matrix.msc1767.text", "Voice message", "org.matrix.msc1767.file", obj("name", name, "mimetype", "audio/ogg", "size", ms*3), "org.matrix.msc1767.audio", obj("duration", ms, "waveform", wave), "org.matrix.msc3245.voice", obj())
	case kind != "m.file":
		width, height := pick(s, []int{4032, 1600, 1080, 3024, 800, 1920, 720}), pick(s, []int{3024, 1200, 1920, 600, 1080, 1280})
		info = obj("w", width, "h", height).with(pairs(info)...)
		if kind == "m.video" {
			info = info.with("duration", s.between(900, 200000))
		}
		if s.percent(60) {
			info = info.with("xyz.amorgan.blurhash", s.letters(28, upper+lower+decimal+"#$%*+,-.:;=?@[]^_{|}~"))
		}
		if s.percent(60) {
			info = info.with("thumbnail_info", obj("w", 800, "h", 600, "mimetype", "image/jpeg", "size", s.between(9000, 90000)))
			if r.encrypted {
				info = info.with("thumbnail_file", w.encryptedFile(u))
			} else {
				info = info.with("thumbnail_url", w.mxc(u.server))
			}
		}
	}
	content := obj("msgtype", kind, "body", name)
	if s.percent(40) {
		content = content.with("filename", name)
	}
	content = content.with("info", info)
	if r.encrypted {
		content = content.with("file", w.encryptedFile(u))
	} else {
		content = content.with("url", w.mxc(u.server))
	}
	content = content.with(pairs(extra)...)
	if u.reader {
		content = content.with("m.mentions", obj())
	}
	return draft{kind: "m.room.message", text: name, content: content}
}

func (w *world) encryptedFile(u *user) object {
	return obj("v", "v2", "key", obj("alg", "A256CTR", "ext", true, "k", w.base64url(32), "key_ops", []string{"encrypt", "decrypt"}, "kty", "oct"), "iv", w.base64(8)+"AAAAAAAAAAA", "hashes", obj("sha256", w.base64(32)), "url", w.mxc(u.server))
}
