package gobind

import (
	"cmp"
	"fmt"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// bound is what gobind wrote of a package: names as "method class.name", in lower case, for
// gobind changes the case in ways of its own.
type bound map[string]bool

func (b bound) add(kind, class, name string) {
	b[strings.ToLower(kind+" "+class+"."+name)] = true
}

// wanted is what a package exports, as bound would have it, by the name that it has in Go.
// Things that have no equal in the other languages are wanted as "nothing".
func wanted(pkg *types.Package, of func(kind, class, name string) []string) map[string][]string {
	want := map[string][]string{}
	for _, name := range pkg.Scope().Names() {
		object := pkg.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		switch object := object.(type) {
		case *types.Const:
			want[name] = of("const", "", name)
		case *types.Func:
			want[name] = of("func", "", name)
		case *types.TypeName:
			want[name] = of("class", name, "")
			for member := range members(object.Type()) {
				kind, simple, _ := strings.Cut(member, " ")
				want[name+"."+simple] = of(kind, name, simple)
			}
		default: // a variable
			want[name] = nil
		}
	}
	return want
}

// members yields the exported fields and methods of a type as "kind name".
func members(t types.Type) func(func(string) bool) {
	return func(yield func(string) bool) {
		kind := "method"
		methods := types.NewMethodSet(types.NewPointer(t))
		switch under := t.Underlying().(type) {
		case *types.Struct:
			for f := range under.Fields() {
				if f.Exported() && !yield("field "+f.Name()) {
					return
				}
			}
		case *types.Interface:
			methods = types.NewMethodSet(t)
		default:
			kind = "nothing" // gobind has no such types
		}
		for m := range methods.Methods() {
			if m.Obj().Exported() && !yield(kind+" "+m.Obj().Name()) {
				return
			}
		}
	}
}

// missing returns what a package exports and gobind has left out.
func missing(pkg *types.Package, got bound, of func(kind, class, name string) []string) (names []string) {
	for name, keys := range wanted(pkg, of) {
		if keys == nil || slices.ContainsFunc(keys, func(key string) bool { return !got[strings.ToLower(key)] }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// inJava is what something that is exported becomes in Java.
func inJava(main string) func(kind, class, name string) []string {
	return func(kind, class, name string) []string {
		switch kind {
		case "const":
			return []string{"const " + main + "." + name}
		case "func":
			return []string{"method " + main + "." + name}
		case "class":
			return []string{"class " + class + "."}
		case "field":
			return []string{"method " + class + ".get" + name, "method " + class + ".set" + name}
		case "method":
			return []string{"method " + class + "." + name}
		}
		return nil
	}
}

var (
	javaClass  = regexp.MustCompile(`^public (?:abstract |final )*(?:class|interface) (\w+)`)
	javaConst  = regexp.MustCompile(`^\tpublic static final \w+ (\w+) =`)
	javaMethod = regexp.MustCompile(`^\tpublic (?:static |final |native )*[\w.\[\]]+ (\w+)\(`)
)

// readJava reads the classes in a directory.
func readJava(t *testing.T, dir string) bound {
	got := bound{}
	files, err := filepath.Glob(filepath.Join(dir, "*.java"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		class := ""
		for line := range lines(t, file) {
			if m := javaClass.FindStringSubmatch(line); m != nil {
				class = m[1]
				got.add("class", class, "")
			}
			if m := javaConst.FindStringSubmatch(line); m != nil {
				got.add("const", class, m[1])
			} else if m := javaMethod.FindStringSubmatch(line); m != nil {
				got.add("method", class, m[1])
			}
		}
	}
	return got
}

// inObjC is what something that is exported becomes in Objective-C, where every name begins
// with that of the package.
func inObjC(prefix string) func(kind, class, name string) []string {
	return func(kind, class, name string) []string {
		switch kind {
		case "const", "func":
			return []string{"global ." + prefix + name}
		case "class":
			return []string{"class " + prefix + class + "."}
		case "field", "method":
			return []string{"member " + prefix + class + "." + name}
		}
		return nil
	}
}

var (
	objcClass    = regexp.MustCompile(`^@(?:interface|protocol) (\w+) [:<]`)
	objcGlobal   = regexp.MustCompile(`^FOUNDATION_EXPORT .*?(\w+)(?:;|\()`)
	objcMethod   = regexp.MustCompile(`^[-+] \(.*?\)\s*(\w+)[:;]`)
	objcProperty = regexp.MustCompile(`^@property .* (\w+);`)
)

// readObjC reads a header.
func readObjC(t *testing.T, file string) bound {
	got := bound{}
	class := ""
	for line := range lines(t, file) {
		if m := objcClass.FindStringSubmatch(line); m != nil {
			class = m[1]
			got.add("class", class, "")
		} else if strings.HasPrefix(line, "@end") {
			class = ""
		} else if m := objcGlobal.FindStringSubmatch(line); m != nil {
			got.add("global", "", m[1])
		} else if m := cmp.Or(objcMethod.FindString(line), objcProperty.FindString(line)); m != "" {
			for _, pattern := range []*regexp.Regexp{objcMethod, objcProperty} {
				if m := pattern.FindStringSubmatch(line); m != nil {
					got.add("member", class, m[1])
				}
			}
		}
	}
	return got
}

func lines(t *testing.T, file string) func(func(string) bool) {
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.SplitSeq(string(b), "\n")
}

// load reads a package's exported API.
func load(t *testing.T, path string) *types.Package {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes}, path)
	require.NoError(t, err)
	require.Len(t, pkgs, 1)
	require.Empty(t, pkgs[0].Errors)
	return pkgs[0].Types
}

const mobile = "github.com/coapgw/coapgw/mobile"

// TestNothingIsSkipped: all that package mobile exports is there in both languages.
func TestNothingIsSkipped(t *testing.T) {
	out := generated(t, mobile)
	pkg := load(t, mobile)
	require.Greater(t, len(wanted(pkg, inJava("Mobile"))), 50, "the test has lost sight of the package")
	assert.Empty(t, missing(pkg, readJava(t, filepath.Join(out, javaDir, "mobile")), inJava("Mobile")), "left out of Java")
	assert.Empty(t, missing(pkg, readObjC(t, filepath.Join(out, "src/gobind/Mobile.objc.h")), inObjC("Mobile")), "left out of Objective-C")
	assert.Empty(t, skipped(t, out))
}

// TestSkippedIsFound: the test before finds what gobind leaves out.
func TestSkippedIsFound(t *testing.T) {
	const path = "github.com/coapgw/coapgw/conformance/gobind/testdata/unsupported"
	out := generated(t, path)
	pkg := load(t, path)
	want := []string{"Count", "Default", "Limit", "List", "Listener.Heards", "Thing.Many", "Thing.Tags"}
	assert.Equal(t, want, missing(pkg, readJava(t, filepath.Join(out, javaDir, "unsupported")), inJava("Unsupported")))
	assert.Equal(t, want, missing(pkg, readObjC(t, filepath.Join(out, "src/gobind/Unsupported.objc.h")), inObjC("Unsupported")))
	assert.NotEmpty(t, skipped(t, out))
}

// skipped returns what gobind says itself that it has left out, in comments.
func skipped(t *testing.T, dir string) (found []string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for line := range lines(t, path) {
			if strings.HasPrefix(strings.TrimSpace(line), "// skipped ") {
				found = append(found, fmt.Sprintf("%s: %s", filepath.Base(path), strings.TrimSpace(line)))
			}
		}
		return nil
	}))
	return found
}
