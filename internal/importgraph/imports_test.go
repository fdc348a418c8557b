package importgraph

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// importRule forbids imports. Names are import paths or trees of them.
type importRule struct {
	name string
	// packages of this module that the rule is about, without those in except;
	// none means all.
	packages, except []string
	forbidden        []string
	// deep looks at everything that is linked in, not at import statements only.
	deep bool
}

const (
	pion   = "github.com/pion"
	goCoAP = "github.com/plgd-dev/go-coap/v3"
)

var importRules = []importRule{
	{name: "coap and what secures it meet as net.Conn", packages: []string{"coap"}, forbidden: []string{module + "/dtls", module + "/integrity", pion}, deep: true},
	{name: "only dtls imports pion", except: []string{"dtls"}, forbidden: []string{pion}},
	{name: "coap does not know what stands in front of it", packages: []string{"coap"}, forbidden: []string{module + "/coap/join", module + "/coap/policy"}},
	{name: "the message layer knows no HTTP", packages: []string{"coap/endpoint", "coap/link", "coap/paths", "coap/trace"}, forbidden: []string{"net/http"}, deep: true},
	{name: "who keeps something is given a store", packages: []string{"coap/outbox", "coap/answers", "coap/join", "coap/tokens", "coap/txn"}, forbidden: []string{module + "/coap/session/boltstore", "go.etcd.io"}, deep: true},
	{name: "a room stream is made of answers", packages: []string{"coap/stream"}, forbidden: []string{"net/http", "log", module + "/coap/endpoint", module + "/coap/observe"}},
	{name: "transactions are read from requests alone", packages: []string{"coap/txn"}, forbidden: []string{module}},
	{name: "bytes only", packages: bytesOnly, forbidden: []string{"net", "log", "os"}},
	{name: "emulators are for programs too", packages: []string{"internal/fakehs", "internal/linkemu"}, forbidden: []string{"testing", "github.com/stretchr"}, deep: true},
	{name: "what only tests need stays with them", except: []string{"conformance"}, forbidden: []string{
		"testing", "github.com/stretchr", "pgregory.net", "github.com/element-hq", "maunium.net", "go.mau.fi",
	}},
	{name: "nobody imports the suites", except: []string{"conformance"}, forbidden: []string{module + "/conformance"}},
	{name: "what the suites share knows no gateway", packages: []string{"conformance/golden", "conformance/inprocess", "conformance/people", "conformance/pipe", "conformance/process"}, forbidden: []string{module}},
	{name: "only the program has a page", except: []string{"cmd", "conformance", "internal/status", "internal/metrics"}, forbidden: []string{module + "/internal/status", module + "/internal/metrics"}},
	{name: "only the program has a manual", except: []string{"cmd", "internal/manual"}, forbidden: []string{module + "/internal/manual"}},
	{name: "the manual is written from a description", packages: []string{"internal/manual"}, forbidden: []string{"github.com", "net", "os"}},
	{name: "only the exporter knows Prometheus", except: []string{"internal/metrics"}, forbidden: []string{"github.com/prometheus"}},
	{name: "only the tracer knows OpenTelemetry", except: []string{"internal/tracing"}, forbidden: []string{"go.opentelemetry.io"}},
	{name: "only the program traces", except: []string{"cmd", "internal/tracing"}, forbidden: []string{module + "/internal/tracing"}},
	{name: "one package merges the configuration", except: []string{"internal/config"}, forbidden: []string{"github.com/knadh", "go.yaml.in"}},
	{name: "the program replaces itself", except: []string{"cmd", "conformance", "internal/upgrade"}, forbidden: []string{module + "/internal/upgrade", module + "/internal/activation"}},
	{name: "an upgrade knows processes and sockets", packages: []string{"internal/activation", "internal/upgrade"}, forbidden: []string{module + "/coap", module + "/dtls", module + "/integrity", module + "/internal/config", module + "/internal/gateway"}, deep: true},
	{name: "the facade for apps is for other languages", except: []string{"conformance", "mobile"}, forbidden: []string{module + "/mobile"}},
	{name: "an app has no command line, page or emulator", packages: []string{"mobile"}, forbidden: []string{
		"github.com/alecthomas", "github.com/prometheus", module + "/internal/status", module + "/internal/metrics", module + "/internal/fakehs", module + "/internal/linkemu",
	}, deep: true},
	{name: "the program is wiring", forbidden: []string{module + "/cmd"}},
	{name: "go-coap is a codec here", forbidden: []string{
		goCoAP + "/message/pool", goCoAP + "/net", goCoAP + "/udp/client", goCoAP + "/udp/server", goCoAP + "/dtls",
	}},
	{name: "the library needs nothing internal", packages: library, forbidden: []string{module + "/internal"}, deep: true},
	{name: "the library needs no command line", packages: library, forbidden: []string{"github.com/alecthomas", "flag"}},
	{name: "the C library is a client", packages: []string{"clib"}, forbidden: []string{module + "/internal", "github.com/alecthomas", "flag"}, deep: true},
	{name: "only the C library needs C", except: []string{"clib"}, forbidden: []string{"C"}},
	{name: "what a program links to be a client is lean", packages: []string{"client", "pairing"}, forbidden: []string{
		module + "/coap/session/boltstore", module + "/coap/policy", module + "/coap/outbox", module + "/integrity",
		"go.etcd.io", "github.com/prometheus", "github.com/alecthomas", "github.com/knadh", "go.yaml.in",
		"net/http/httputil", "net/http/pprof", "expvar", "text/template", "html/template", "os/exec",
	}, deep: true},
}

// library are the packages that are for other programs.
var library = []string{"coap", "cborcodec", "client", "dtls", "integrity", "pairing"}

// bytesOnly are the packages that embedded builds link: no network, log or clock.
var bytesOnly = []string{"cborcodec", "cborcodec/coder", "cborcodec/dialect", "cborcodec/idtable", "cborcodec/wire2", "coap/paths", "coap/link"}

// violations returns "package imports package" for all that break the rule.
func (r importRule) violations(g graph) []string {
	var found []string
	for _, p := range g.own(r.packages...) {
		if len(r.except) > 0 && matches(p.ImportPath[len(module)+1:], r.except) {
			continue
		}
		imports := p.Imports
		if r.deep {
			imports = p.Deps
		}
		for _, i := range imports {
			if matches(i, r.forbidden) {
				found = append(found, p.ImportPath+" imports "+i)
			}
		}
	}
	return found
}

func TestImports(t *testing.T) {
	g := load(t)
	for _, r := range importRules {
		t.Run(r.name, func(t *testing.T) {
			for _, name := range r.packages {
				require.NotEmpty(t, g.own(name), "a rule about a package that is not there")
			}
			assert.Empty(t, r.violations(g))
		})
	}
}

func TestImportRulesFind(t *testing.T) {
	g := graph{
		module + "/coap/x": {ImportPath: module + "/coap/x", Imports: []string{"fmt"}, Deps: []string{"fmt", pion + "/dtls/v3"}},
		module + "/dtls":   {ImportPath: module + "/dtls", Imports: []string{pion + "/dtls/v3"}},
		module + "/a":      {ImportPath: module + "/a", Imports: []string{pion + "/logging", "network"}},
	}
	assert.Equal(t, []string{module + "/coap/x imports " + pion + "/dtls/v3"}, importRules[0].violations(g))
	assert.Equal(t, []string{module + "/a imports " + pion + "/logging"}, importRules[1].violations(g))
	assert.Empty(t, importRule{forbidden: []string{"net"}}.violations(g), "network is not net")
}
