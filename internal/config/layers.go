package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"
)

// Option is one option of a command, by the names under which a user sets it.
type Option struct {
	// Name is the flag without its dashes, and the key in a file.
	Name string
	// Env are the environment variables, the first that is set counts; none where the
	// environment does not set it.
	Env []string
	// List: the option has several values.
	List bool
}

// Layers are what file and environment say of a command's options; the environment goes
// first. Flags, which go before both, are not among them.
type Layers struct{ k *koanf.Koanf }

// FileError is one thing wrong with a file of options.
type FileError struct {
	// File is its name, Line where it is, 0 for unknown.
	File string
	Line int
	// Problem says what is wrong; values are not in it, for they may be secrets.
	Problem string
}

func (e *FileError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Problem
	}
	return fmt.Sprintf("%s, line %d: %s", e.File, e.Line, e.Problem)
}

// maxFile bounds a file of options, in bytes.
const maxFile = 1 << 20

// separator cannot be in the name of an option: names have no inner structure.
const separator = "\x00"

// ReadLayers reads the file (YAML: names of options, each with a value or a list of them)
// and the environment, a list of NAME=VALUE. What is wrong with the file is a *FileError.
func ReadLayers(file string, environment []string, options []Option) (*Layers, error) {
	text, err := readBounded(file)
	if err != nil {
		return nil, err
	}
	l := &Layers{koanf.New(separator)}
	if err := l.k.Load(rawbytes.Provider(text), &fileParser{file, options}); err != nil {
		return nil, err
	}
	for _, o := range options { // those that come later go first
		for _, name := range slices.Backward(o.Env) {
			err := l.k.Load(env.Provider(separator, env.Opt{
				Prefix:      name + "=",
				EnvironFunc: func() []string { return environment },
				TransformFunc: func(_, value string) (string, any) {
					return o.Name, value
				},
			}), nil)
			if err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

// Value returns what is said of an option: a string or, of a list in a file, a []any of
// strings. It is nil where nothing is.
func (l *Layers) Value(name string) any { return l.k.Get(name) }

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxFile:
		return nil, &FileError{File: name, Problem: "the file is too long"}
	}
	return text, nil
}

// fileParser is a koanf.Parser that takes scalars as they are written: a fingerprint of
// digits is no number, and on is a word.
type fileParser struct {
	name    string
	options []Option
}

// Unmarshal implements koanf.Parser.
func (p *fileParser) Unmarshal(text []byte) (map[string]any, error) {
	var doc yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return map[string]any{}, nil
	case err != nil:
		return nil, p.fail(0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, p.fail(0, "there is more than one document in it")
	}
	root := doc.Content[0]
	switch {
	case root.Kind == yaml.ScalarNode && root.Tag == "!!null": // comments alone
		return map[string]any{}, nil
	case root.Kind != yaml.MappingNode:
		return nil, p.fail(root.Line, "options have the form NAME: VALUE")
	}
	values := make(map[string]any, len(root.Content)/2)
	for i := 0; i < len(root.Content); i += 2 {
		key := root.Content[i]
		n := slices.IndexFunc(p.options, func(o Option) bool { return o.Name == key.Value })
		if n < 0 {
			return nil, p.fail(key.Line, "there is no option %q%s", key.Value, meant(key.Value, p.names()))
		}
		if _, twice := values[key.Value]; twice {
			return nil, p.fail(key.Line, "%s is there twice", key.Value)
		}
		value, problem := valueOf(root.Content[i+1], p.options[n].List)
		if problem != "" {
			return nil, p.fail(key.Line, "%s %s", key.Value, problem)
		}
		values[key.Value] = value
	}
	return values, nil
}

// Marshal implements koanf.Parser; nobody writes files.
func (p *fileParser) Marshal(map[string]any) ([]byte, error) { return nil, errors.ErrUnsupported }

func (p *fileParser) names() []string {
	names := make([]string, len(p.options))
	for i, o := range p.options {
		names[i] = o.Name
	}
	return names
}

func (p *fileParser) fail(line int, format string, args ...any) error {
	return &FileError{File: p.name, Line: line, Problem: fmt.Sprintf(format, args...)}
}

// valueOf returns the value of a node, or what is wrong with it.
func valueOf(n *yaml.Node, list bool) (value any, problem string) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil, `has no value; "" is an empty one`
	case n.Kind == yaml.ScalarNode && list:
		return []any{n.Value}, ""
	case n.Kind == yaml.ScalarNode:
		return n.Value, ""
	case n.Kind != yaml.SequenceNode || !list:
		return nil, "takes one value"
	}
	values := make([]any, 0, len(n.Content))
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
			return nil, "takes a list of single values"
		}
		values = append(values, item.Value)
	}
	return values, ""
}
