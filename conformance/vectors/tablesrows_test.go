package vectors

import (
	"fmt"
	"strconv"
	"strings"
)

// tablesFile is the tables of version 2.
func tablesFile() *file {
	f := &file{name: "tables.json", Kind: "tables", About: "the tables of wire version 2 (docs/wire-v2.md, \"Tables\"; rules T1 to T7 of docs/decisions/0018-id-table.md), whatever the format"}
	add := func(name, why string, size int, script string) {
		v := &tablesVector{Name: name, Why: why, Size: size}
		for line := range strings.Lines(script) {
			if line = strings.TrimSpace(line); line != "" {
				v.Steps = append(v.Steps, tableStepOf(line))
			}
		}
		f.rows = append(f.rows, v)
	}
	add("beginning", "The client names no base, then the server's first batch by its number until that is answered, then by A; a response has the bases of its request.", 16, `
		ask r1: @a:x
		read r1
		answer r1: !r:x
		take r1
		ask r2: !r:x @a:x @b:x
		read r2
		answer r2: @a:x @b:x
		take r2
		ask r3: !r:x @a:x @b:x
		read r3
		answer r3: @b:x
		take r3
	`)
	add("T1: a name is bound for ever", "The response that inserted batch 1 is lost and given up: the next batch is 2 all the same.", 16, `
		ask r1:
		read r1
		answer r1: one
		give up r1 10
		wait 20
		ask r2:
		read r2
		answer r2: two
		take r2
		ask r3: one two
		read r3
		answer r3: one two
		take r3
	`)
	add("T2: N/4 of a message", "A message inserts a quarter of the table at most; a text beyond that is neither inserted nor referred to.", 16, `
		ask r1: a b c d e f
		read r1
		answer r1: g h i j k
		take r1
		ask r2: a e g k
		read r2
	`)
	add("T2: references within a message", "What was inserted before in the same message counts.", 16, `
		ask r1: a b a a b
		read r1
		answer r1: c c d c
		take r1
	`)
	add("T3: what is not read keeps nothing", "A request that was acknowledged may be read late: only its response shows that it was.", 16, `
		ask r1: a
		read r1
		answer r1: s
		take r1
		ask r2: b
		admit r2
		arrived r2
		ask r3: a b
		read r3
		answer r3: b
		take r3
		read r2
		answer r2: b
		take r2
		ask r4: a b
		read r4
	`)
	add("T3: refused", "What the server will not read is not held: it is inserted again, as another entry.", 16, `
		ask r1: a
		read r1
		answer r1: s
		take r1
		ask r2: b
		refused r2
		ask r3: b
		read r3
		answer r3:
		take r3
	`)
	add("T4: a hole", "Batch 2 is lost. After three newer ones the client declares it dead, and says so until a request with it was answered; what is dead is never referred to.", 16, `
		ask r1:
		read r1
		answer r1: one
		take r1
		ask r2:
		read r2
		answer r2: two
		give up r2 5
		ask r3:
		read r3
		answer r3: three
		take r3
		ask r4:
		read r4
		answer r4: four
		take r4
		ask r5:
		read r5
		answer r5: five
		take r5
		ask r6:
		read r6
		answer r6: one two three four five
		take r6
		ask r7: one two three four five
		read r7
		answer r7:
		take r7
	`)
	add("T5: a response uses what its request vouched for", "The second request overtakes: its response is read before that to the first, which refers to less.", 16, `
		ask r1: a
		read r1
		answer r1: s
		take r1
		ask r2: a
		ask r3: b
		read r3
		answer r3: t
		take r3
		ask r4: a b
		read r4
		answer r4: s t a b
		take r4
		read r2
		answer r2: s t a b
		take r2
	`)
	add("T6: seven batches", "The oldest request that may still arrive holds the acknowledgements up: no A is more than seven beyond its A. The server makes no more than seven batches beyond an A.", 64, `
		ask r1:
		read r1
		answer r1: s1
		take r1
		ask r2:
		read r2
		answer r2:
		take r2
		ask late:
		`+overtaken(10)+`
		read late
		answer late: s1 t1
		take late
	`)
	add("T6: two batches of the client", "C has three values: the client gets no more than two batches beyond the oldest that may arrive.", 64, `
		ask r1: a
		read r1
		answer r1: s
		take r1
		ask r2:
		read r2
		answer r2:
		take r2
		ask late: a
		ask r3: b
		read r3
		answer r3:
		take r3
		ask r4: c
		read r4
		answer r4:
		take r4
		ask r5: d
		read r5
		answer r5:
		take r5
		read late
		answer late: a
		take late
	`)
	add("T7: the server was restarted", "It does not know the base of the request, which is not executed. The client begins an epoch; the same request again names nothing.", 16, `
		ask r1: a
		read r1
		answer r1: s
		take r1
		ask r2: a s
		read r2
		answer r2: s
		take r2
		restart 4294967296
		ask r3: a s
		read r3
		reset r3
		ask r3b: a s
		read r3b
		answer r3b: s
		take r3b
		ask r4: a s
		read r4
		answer r4: a s
		take r4
	`)
	add("notifications", "A notification names its base itself, and refers to the client's table from the batch that it says; acknowledged, it is held.", 16, `
		ask r1: a
		read r1
		answer r1: s
		take r1
		ask r2: a s
		read r2
		answer r2: s
		take r2
		notify n1: s t a
		deliver n1 r2
		done n1
		notify n2: s t u
		deliver n2 r2
		done n2
		ask r3: s t u
		read r3
		answer r3: t u
		take r3
	`)
	add("a rejected notification", "The next ones refer to nothing and insert nothing until a request says what the client holds.", 16, `
		ask r1: a
		read r1
		answer r1: s
		take r1
		ask r2: s
		read r2
		answer r2: s
		take r2
		notify n1: s t
		rejected n1
		notify n2: s t
		deliver n2 r2
		done n2
		ask r3: s
		read r3
		answer r3: s
		take r3
		notify n3: s t
		deliver n3 r3
	`)
	add("entries of a full table", "References reach N entries back: an entry that falls behind is inserted anew.", 16, `
		ask r1: a b c d
		read r1
		answer r1: s
		take r1
		ask r2: e f g h
		read r2
		answer r2: s
		take r2
		ask r3: i j k l a
		read r3
		answer r3: s
		take r3
		ask r4: m n o p a
		read r4
		answer r4: s
		take r4
		ask r5: q a b c d
		read r5
		answer r5: a b q
		take r5
	`)
	return f
}

// overtaken are n exchanges that come between, each of which inserts one text.
func overtaken(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "ask m%d:\nread m%d\nanswer m%d: t%d\ntake m%d\n", i, i, i, i, i)
	}
	return b.String()
}

// tableStepOf reads a line such as "answer r1: s t", "deliver n1 r2", "give up r1 10".
func tableStepOf(line string) tableStep {
	head, texts, _ := strings.Cut(line, ":")
	words := strings.Fields(head)
	if words[0] == "give" {
		words = append([]string{"give up"}, words[2:]...)
	}
	s := tableStep{Do: words[0]}
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			panic(line)
		}
		return n
	}
	switch {
	case s.Do == "wait":
		s.Seconds = number(words[1])
		return s
	case s.Do == "restart":
		s.Start = uint64(number(words[1]))
		return s
	}
	s.ID = words[1]
	switch {
	case s.Do == "give up":
		s.Seconds = number(words[2])
	case s.Do == "deliver":
		s.To = words[2]
	}
	for _, text := range strings.Fields(texts) {
		s.Items = append(s.Items, tableItem{Text: text})
	}
	return s
}
