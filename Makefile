# make test   everything that CI runs: formatting, vet, staticcheck, all tests of
#             all modules, and each fuzz target for FUZZTIME
# make architectures
#             the coder's tests on 32-bit arm and big-endian mips, under qemu-user
# make tables the dialect's tables, anew from the training traffic, and the numbers of rows
#             in its document; the tables of version 1 as a C header
# make model  the coder's model, anew from the training traffic (some minutes), its
#             vectors, the exchanges in docs/wire-v2.md, and testdata/vectors
# make sizes  what wire version 2 takes on homeservers that are held out, in all
#             variants, into docs/wire-v2-sizes.md
# make vectors
#             testdata/vectors, anew from the rows in conformance/vectors
# make bench  benchmarks
# make fuzz   each fuzz target for FUZZTIME, default 2s
# make budgets
#             bytes of each operation over coapgw, HTTPS/1.1 and HTTP/2 with gzip, into
#             testdata and README
# make links  how long things take on each link, over coapgw and over HTTPS, into
#             testdata and docs/links.md (some minutes), and the plots
# make hour   what clients cost in an hour of virtual time, into docs/clients.md
# make plots  docs/img from the tables in testdata
# make page   the screenshots of the status page in docs/img
# make release
#             static programs for all platforms and Debian packages, into dist
# make library
#             Debian packages of the C library for this machine, into dist/library
# make package-test
#             the tests of what packages are made of: units, manual, completions, an
#             installation in a clean root; needs root and Debian
# make vuln   known vulnerabilities of dependencies, from their database on the network
# make soak   the tests over and over under the race detector, ten thousand histories of
#             pushed syncs and as many adversaries, a session over every link with SEEDS seeds, one in real
#             time over each of SLOW, two clients that talk for CHAT in real time, into
#             docs/clients.md, ten minutes of load, then long fuzzing

GO       ?= go
FUZZTIME ?= 2s
SOAK     ?= 20
SEEDS    ?= 1000
SLOW     ?= hf-vara500,hf-s5066-75
CHAT     ?= 1h
BUILD    := $(CURDIR)/.build

# A panic in a program under test ends it, and is not put up with as in use.
export COAPGW_PANIC := exit

# Modules with packages of their own. conformance/dendrite and tools only pin
# programs. Nested modules keep go.mod small for those who link coapgw.
MODULES := $(filter-out ./tools ./conformance/dendrite,$(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path '*/.*/*')))
NESTED  := $(patsubst ./%,nested/%,$(filter-out .,$(MODULES)))

# mautrix finds its cryptography in Go, not in C, by this tag.
TAGS := -tags goolm

# The program for small machines, which leaves out all but the client's side.
SMALL := -tags clientonly ./cmd/coapgw

.PHONY: test check fmt vet staticcheck realtime unit architectures tables model vectors sizes conformance nested $(NESTED) libcoap fuzz bench budgets links hour plots page release library package-test vuln soak clean

# Two jobs at a time. The suites in real time wait for links most of theirs, and come
# first; then what takes longest, so that no long job is left alone at the end.
test: check
	$(MAKE) -j 2 realtime unit nested/packaging conformance nested/conformance/matrix fuzz architectures nested

check: fmt vet staticcheck

fmt:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt -w on:" $$unformatted; exit 1; fi

vet:
	@for m in $(MODULES); do echo "vet $$m"; $(GO) -C $$m vet $(TAGS) ./... || exit 1; done
	$(GO) vet $(SMALL)

staticcheck: $(BUILD)/staticcheck
	@for m in $(MODULES); do echo "staticcheck $$m"; (cd $$m && $(BUILD)/staticcheck $(TAGS) ./...) || exit 1; done
	$(BUILD)/staticcheck $(SMALL)

$(BUILD)/staticcheck: tools/go.mod tools/go.sum
	$(GO) -C tools build -o $@ honnef.co/go/tools/cmd/staticcheck

# The suites under conformance/ run hours of virtual time; the race detector
# would make them several times slower, and the packages they drive have run
# under it by then. PLAIN only compute and run without it, but for what tests with many
# goroutines. The tests of LONG are short under
# the race detector (conformance/race), so they run once more without.
PLAIN := /(cborcodec|cborcodec/(coder|coder/internal/mixing|dialect|idtable|wire2)|internal/(corpus|ctables|dialectgen|importgraph|manual|traffic|trainv2))$$
LONG  := TestFlood|TestNoNonceIsUsedTwice|TestStalledHandshakes|TestHistories
unit:
	$(GO) test -race -timeout 10m $$($(GO) list ./... | grep -v /conformance/ | grep -vE '$(PLAIN)')
	$(GO) test -timeout 10m $$($(GO) list ./... | grep -E '$(PLAIN)')
	$(GO) test -race -run TestConcurrent ./cborcodec/coder ./cborcodec/idtable
	$(GO) test $(SMALL)
	$(GO) test -timeout 10m -run '$(LONG)' ./dtls ./coap/observe ./coap/outbox ./mobile
	$(GO) test -timeout 10m -tags coapgw_psk -skip '$(LONG)' ./dtls/... ./client ./examples/go/...

# Both ends must code alike, whatever they run on: one is 32-bit and aligns, the
# other is big-endian too.
architectures:
	@for a in arm mips; do echo "test ./cborcodec/coder on $$a"; \
		GOARCH=$$a CGO_ENABLED=0 $(GO) test -exec qemu-$$a-static ./cborcodec/coder/... || exit 1; done

# After new tables, which are another identity: make model sizes budgets.
tables:
	$(GO) run ./internal/ctables
	$(GO) run ./internal/dialectgen
	UPDATE_GOLDEN=1 $(GO) test -count 1 -run TestExamples ./cborcodec/dialect
	$(MAKE) vectors

model:
	$(GO) run ./internal/trainv2
	UPDATE_GOLDEN=1 $(GO) test -count 1 -run 'TestShippedID|TestVectors' ./cborcodec/coder
	UPDATE_GOLDEN=1 $(GO) test -count 1 -run TestDocument ./internal/inspect
	$(MAKE) vectors

vectors:
	$(GO) test -count 1 -run TestFiles ./conformance/vectors -update

sizes:
	$(GO) test -count 1 -timeout 30m -run 'TestSizes$$' ./conformance/sizes -update

conformance:
	$(GO) test -timeout 20m ./conformance/...
	$(GO) test -timeout 10m ./conformance/fidelity -wire-version 1

# A cold build of Dendrite counts for those who wait for it.
REALTIME := conformance/matrix/realtime
realtime:
	$(GO) -C $(REALTIME) test $(TAGS) -timeout 20m .

nested: $(NESTED) libcoap

$(NESTED): nested/%:
	$(GO) -C $* test $(TAGS) -timeout 15m $$($(GO) -C $* list $(TAGS) ./... | grep -v /$(REALTIME))

# The handshake of our own, towards another one.
libcoap:
	$(GO) -C conformance/interop test -tags coapgw_psk -timeout 10m -run 'TowardsLibcoap' .

fuzz:
	@GO=$(GO) tools/fuzz.sh $(FUZZTIME)
	@GO=$(GO) GOFLAGS=-tags=coapgw_psk tools/fuzz.sh $(FUZZTIME) ./dtls

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

budgets:
	$(GO) -C conformance/https test -count 1 -run 'TestBytes$$' . -update
	$(GO) test -count 1 ./conformance/budgets -update
	$(MAKE) plots
	@sed -n '/<!-- budgets/,/<!-- .budgets/p' README.md

links:
	$(GO) -C conformance/https test -count 1 -timeout 60m . -update
	$(GO) test -count 1 -timeout 60m ./conformance/delivery -update
	$(MAKE) plots

hour:
	$(GO) test -count 1 ./conformance/hour -update

plots:
	$(GO) -C conformance/plots run .

page:
	$(GO) -C conformance/page test -count 1 -run TestLooks . -update

# Of the same commit and the same Go, the same bytes (packaging/release).
release:
	$(GO) -C packaging run ./release -out ../dist

library:
	$(GO) -C packaging run ./release -library -out ../dist/library

package-test:
	$(GO) -C packaging test -timeout 15m ./...

vuln: $(BUILD)/govulncheck
	@for m in $(MODULES); do echo "govulncheck $$m"; (cd $$m && $(BUILD)/govulncheck $(TAGS) ./...) || exit 1; done

$(BUILD)/govulncheck: tools/go.mod tools/go.sum
	$(GO) -C tools build -o $@ golang.org/x/vuln/cmd/govulncheck

soak:
	for i in $$(seq $(SOAK)); do $(GO) test -race -count 1 -timeout 0 ./... || exit 1; done
	$(GO) test -count 1 -timeout 0 -run 'TestHistories$$' ./coap/observe -histories 2000
	$(GO) test -count 1 -timeout 0 -run 'TestHistories$$' ./conformance/push -histories 10000
	$(GO) test -count 1 -timeout 0 -run 'TestLiveness$$' ./conformance/push -lives 10000
	$(GO) test -v -timeout 0 -run 'TestProfiles$$' ./conformance/profiles -seeds $(SEEDS)
	$(GO) -C conformance/matrix test $(TAGS) -v -timeout 0 -run 'TestSession$$' ./realtime -profiles $(SLOW)
	$(GO) -C conformance/matrix test $(TAGS) -v -timeout 0 -run 'TestClients$$' ./realtime -duration $(CHAT) -idle 10m -update
	$(GO) test -v -timeout 0 ./conformance/load -duration 10m -update
	$(MAKE) fuzz FUZZTIME=5m

clean:
	rm -rf $(BUILD) dist
