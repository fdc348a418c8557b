package paths

import "testing"

var benchPaths = []struct{ name, path string }{
	{"table", "/_matrix/client/v3/rooms/%21BmDqmCvF3KJNXWJm:chat.example.org/send/m.room.message/m1700000000.17"},
	{"full", "/_matrix/client/v1/media/download/example.org/AbCdEfGhIjKlMnOpQrStUvWx"},
}

func BenchmarkShorten(b *testing.B) {
	for _, c := range benchPaths {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.path)))
			for b.Loop() {
				if _, _, ok := V1().Shorten(c.path, true); !ok {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkExpand(b *testing.B) {
	for _, c := range benchPaths {
		segments, form, _ := V1().Shorten(c.path, true)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(c.path)))
			for b.Loop() {
				if _, err := V1().Expand(segments, form); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const benchQuery = "filter=4&set_presence=online&since=s319_65_169_36_21_97_12_751_13&timeout=30000"

func BenchmarkSplitQuery(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(benchQuery)))
	for b.Loop() {
		if _, _, ok := SplitQuery(benchQuery); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkJoinQuery(b *testing.B) {
	args, style, _ := SplitQuery(benchQuery)
	b.ReportAllocs()
	b.SetBytes(int64(len(benchQuery)))
	for b.Loop() {
		JoinQuery(args, style)
	}
}
