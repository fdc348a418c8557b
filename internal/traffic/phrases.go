package traffic

import (
	"embed"
	"fmt"
	"slices"
	"strings"
)

// The phrases of one language are a file. Lines that begin with @ give names, families,
// places, days, names of rooms and topics; any other line is a phrase. In phrases {name},
// {time}, {n}, {place} and {day} are filled in.
//
//go:embed phrases/*.txt
var phraseFiles embed.FS

// vocabulary is what is said in one language by one group of servers.
type vocabulary struct {
	language                                   string
	names, family, places, days, rooms, topics []string
	phrases                                    []string
}

// heldOutEach is how many lines of each kind make one that only servers that are held
// out use.
const heldOutEach = 3

// vocabularyOf reads the part of a language for servers that are held out or not. Days
// of the week are ordinary words and common to both.
func vocabularyOf(language string, heldOut bool) vocabulary {
	b, err := phraseFiles.ReadFile("phrases/" + language + ".txt")
	if err != nil {
		panic(err) // the files are part of the program
	}
	share := func(all []string) []string {
		var mine []string
		for i, s := range all {
			if (i%heldOutEach == heldOutEach-1) == heldOut {
				mine = append(mine, s)
			}
		}
		return mine
	}
	v := vocabulary{language: language}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "@names":
			v.names = share(strings.Fields(rest))
		case "@family":
			v.family = share(strings.Fields(rest))
		case "@places":
			v.places = share(strings.Split(rest, "|"))
		case "@days":
			v.days = strings.Split(rest, "|")
		case "@rooms":
			v.rooms = share(strings.Split(rest, "|"))
		case "@topics":
			v.topics = share(strings.Split(rest, "|"))
		default:
			v.phrases = append(v.phrases, line)
		}
	}
	v.phrases = share(v.phrases)
	return v
}

// languages are all there are.
func languages() []string {
	files, err := phraseFiles.ReadDir("phrases")
	if err != nil {
		panic(err) // as above
	}
	var all []string
	for _, f := range files {
		all = append(all, strings.TrimSuffix(f.Name(), ".txt"))
	}
	slices.Sort(all)
	return all
}

// speaker says things in one language.
type speaker struct {
	vocabulary
	source
	bag bag
}

func newSpeaker(language string, heldOut bool, s source) *speaker {
	v := vocabularyOf(language, heldOut)
	return &speaker{vocabulary: v, source: s, bag: bag{all: v.phrases}}
}

// phrase is one phrase with its blanks filled in.
func (s *speaker) phrase() string {
	p := s.bag.next(s.source)
	if !strings.Contains(p, "{") {
		return p
	}
	return strings.NewReplacer(
		"{name}", pick(s.source, s.names), "{time}", s.clock(), "{n}", s.number(),
		"{place}", pick(s.source, s.places), "{day}", pick(s.source, s.days),
	).Replace(p)
}

func (s *speaker) clock() string {
	hour, minute := s.IntN(24), s.IntN(12)*5
	if s.percent(25) {
		minute = s.IntN(60)
	}
	switch s.IntN(5) {
	case 0:
		return fmt.Sprintf("%d.%02d", hour, minute)
	case 1:
		return fmt.Sprintf("%d:00", hour)
	}
	return fmt.Sprintf("%02d:%02d", hour, minute)
}

func (s *speaker) number() string {
	if s.percent(60) {
		return fmt.Sprint(s.between(2, 40))
	}
	return fmt.Sprint(s.between(2, 1500))
}

// ornaments are what some messages end in.
var ornaments = []string{" 😀", " 👍", " 😂", "!", " :)", " ...", "…", " 🙏", " ❤️", " ;-)", "!!", " 🚢", " 📻", "?", " 🤔", " xx", " 73", " ^^"}

// say is the text of a message: a phrase as a rule, now and then several, or something
// that is the same in all languages.
func (s *speaker) say() string {
	switch n := s.IntN(100); {
	case n < 62:
		p := s.phrase()
		if s.percent(12) {
			p += pick(s.source, ornaments)
		}
		return p
	case n < 76:
		return s.paragraph(2)
	case n < 82:
		return s.phrase() + "\n" + s.phrase()
	case n < 86:
		return s.paragraph(s.between(3, 6))
	case n < 90:
		return pick(s.source, s.names) + ": " + s.phrase()
	}
	return s.universal()
}

// paragraph is some phrases as sentences.
func (s *speaker) paragraph(n int) string {
	stop, space := ".", " "
	if s.language == "ja" || s.language == "zh" {
		stop, space = "。", ""
	}
	var b strings.Builder
	for i := range n {
		p := s.capital(s.phrase())
		b.WriteString(p)
		if last := p[len(p)-1]; last != '?' && last != '!' && last != ';' && !strings.HasSuffix(p, "？") && !strings.HasSuffix(p, "！") && !strings.HasSuffix(p, "。") {
			b.WriteString(stop)
		}
		if i < n-1 {
			b.WriteString(space)
		}
	}
	return b.String()
}

func (s *speaker) capital(p string) string {
	r := []rune(strings.TrimRight(p, "."))
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// universal is a text without a language: a place, a link, a reading, a call sign.
func (s *speaker) universal() string {
	switch s.IntN(12) {
	case 0:
		return fmt.Sprintf("%d°%02d.%d'N %03d°%02d.%d'%s", s.between(30, 69), s.IntN(60), s.IntN(10), s.IntN(40), s.IntN(60), s.IntN(10), pick(s.source, []string{"E", "W"}))
	case 1:
		return s.link()
	case 2:
		return s.phrase() + " " + s.link()
	case 3:
		return fmt.Sprintf("%s de %s, %d.%03d MHz", s.callsign(), s.callsign(), pick(s.source, []int{3, 7, 14, 144, 145, 433}), s.IntN(1000))
	case 4:
		return fmt.Sprintf("%.1f°C, %d hPa, %d%%", float64(s.between(-150, 360))/10, s.between(970, 1040), s.between(20, 100))
	case 5:
		return fmt.Sprintf("v%d.%d.%d", s.IntN(9), s.IntN(40), s.IntN(20))
	case 6:
		return fmt.Sprintf("%02d %02d %02d %02d", s.IntN(100), s.IntN(100), s.IntN(100), s.IntN(100))
	case 7:
		return pick(s.source, []string{"👍", "😂😂😂", "❤️", "🎉", "👀", "??", "!!!", "…", "🙈", "💪", "☕"})
	case 8:
		return fmt.Sprintf("#%d", s.between(100, 20000))
	case 9:
		return fmt.Sprintf("error: connection to 10.%d.%d.%d:%d refused", s.IntN(256), s.IntN(256), s.IntN(256), s.between(80, 9000))
	case 10:
		return "QSL " + s.callsign() + fmt.Sprintf(" %d59 %03d", s.between(3, 5), s.IntN(1000))
	}
	return s.clock()
}

func (s *speaker) callsign() string {
	return s.letters(s.between(1, 2), upper) + s.letters(1, decimal) + s.letters(s.between(2, 3), upper)
}

func (s *speaker) link() string {
	hosts := []string{"example.com", "example.org", "wiki.example.net", "www.example.edu", "git.example.io"}
	paths := []string{"/", "/news/%d", "/issues/%d", "/p/%d.html", "/watch?v=%d", "/map#%d", "/a/b/%d"}
	p := pick(s.source, paths)
	if strings.Contains(p, "%d") {
		p = fmt.Sprintf(p, s.between(10, 99999))
	}
	return "https://" + pick(s.source, hosts) + p
}
