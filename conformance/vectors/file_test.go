package vectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// directory holds the files.
const directory = "../../testdata/vectors"

// schema is the version of docs/vectors.md: a reader refuses files of another one.
const schema = 1

// vector is one row of a file. Its exported fields are what stands there.
type vector interface {
	// title names it in its file.
	title() string
	// play holds our packages to it.
	play(t *testing.T) error
	// mutants are vectors like it with one thing wrong, each of which play must refuse.
	mutants() []vector
}

// draft is a row that is written by hand, and completes itself.
type draft interface {
	vector
	fill(t *testing.T) error
}

// kinds are what a file may hold.
var kinds = map[string]func() vector{
	"cbor":     func() vector { return new(cborVector) },
	"path":     func() vector { return new(pathVector) },
	"message":  func() vector { return new(messageVector) },
	"exchange": func() vector { return new(exchangeVector) },
	"tables":   func() vector { return new(tablesVector) },
}

// file is one of the files.
type file struct {
	Vectors int    `json:"vectors"`
	Kind    string `json:"kind"`
	About   string `json:"about"`
	// Format is that of wire version 2 for which the rows hold, empty where they hold for
	// all.
	Format string            `json:"format,omitempty"`
	Rows   []json.RawMessage `json:"rows"`

	name string
	rows []vector
}

// errFile says that a file is none of this schema.
var errFile = errors.New("not a file of vectors that this runner knows")

// readFile reads a file. Unknown kinds and members are errors: they would mean that a
// vector says more than what is played.
func readFile(path string) (*file, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := &file{name: filepath.Base(path)}
	if err := f.decode(data); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	return f, nil
}

func (f *file) decode(data []byte) error {
	if err := strict(data, f); err != nil {
		return err
	}
	if f.Vectors != schema {
		return fmt.Errorf("%w: schema %d", errFile, f.Vectors)
	}
	makeRow, ok := kinds[f.Kind]
	if !ok {
		return fmt.Errorf("%w: kind %q", errFile, f.Kind)
	}
	seen := map[string]bool{}
	for _, raw := range f.Rows {
		v := makeRow()
		if err := strict(raw, v); err != nil {
			return err
		}
		if v.title() == "" || seen[v.title()] {
			return fmt.Errorf("%w: a row is called %q, as is another or none", errFile, v.title())
		}
		seen[v.title()] = true
		f.rows = append(f.rows, v)
	}
	return nil
}

// strict decodes one JSON value and nothing that its type does not have.
func strict(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("%w: %w", errFile, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one value", errFile)
	}
	return nil
}

// encode writes a file as it is kept: a row to a line, and a step to a line where rows
// have steps, so that a change of one shows as one.
func (f *file) encode() ([]byte, error) {
	var b bytes.Buffer
	head, err := compact(struct {
		Vectors int    `json:"vectors"`
		Kind    string `json:"kind"`
		About   string `json:"about"`
		Format  string `json:"format,omitempty"`
	}{schema, f.Kind, f.About, f.Format})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "%s,\n\"rows\":[\n", bytes.TrimSuffix(head, []byte("}")))
	for i, v := range f.rows {
		row, err := compact(v)
		if err != nil {
			return nil, err
		}
		if s, ok := v.(interface{ lines() (any, []any) }); ok {
			if row, err = stepped(s.lines()); err != nil {
				return nil, err
			}
		}
		b.Write(row)
		if i < len(f.rows)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]}\n")
	return b.Bytes(), nil
}

// stepped writes a row whose last member is "steps".
func stepped(head any, steps []any) ([]byte, error) {
	var b bytes.Buffer
	line, err := compact(head)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "%s,\"steps\":[\n", bytes.TrimSuffix(line, []byte("}")))
	for i, s := range steps {
		if line, err = compact(s); err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "  %s", line)
		if i < len(steps)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]}")
	return b.Bytes(), nil
}

// compact is JSON in one line, readable where it holds HTML characters.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
