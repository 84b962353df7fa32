# "make help" lists the targets.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
PACKAGES ?= ./...
FUZZTIME ?= 60s

# How everything is compiled that needs no race detector: in one way, so that it is compiled once.
STATIC := CGO_ENABLED=0 GOFLAGS=-trimpath

GOLANGCI := bin/golangci-lint-v2.15.0
NFPM     := bin/nfpm-v2.45.0
TARGETS  := linux/amd64 linux/arm64 linux/arm/6 linux/arm/7 linux/386 linux/riscv64 linux/ppc64le linux/s390x darwin/amd64 darwin/arm64 \
	windows/amd64 windows/arm64 freebsd/amd64

.PHONY: help chaos soak fuzz-changed build custom release test test-web test-packages test-vm vendor-web lint bench peers fuzz cross lean generate check vet format test-machines

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/rtcollector, static and stripped
	$(STATIC) go build -ldflags '$(LDFLAGS)' -o bin/rtcollector ./cmd/rtcollector

release: $(NFPM) ## Build all archives and packages into dist, twice to compare; RELEASE="-targets linux/amd64" builds fewer
	go run ./internal/tools/release -nfpm $(NFPM) -twice $(RELEASE)

$(NFPM):
	GOBIN=$(CURDIR)/bin go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0
	mv bin/nfpm $@

custom: ## Build bin/rtcollector-custom with only what CONFIG=my.yaml names, without the dashboard and the terminal view
	go run ./internal/tools/custom -config '$(CONFIG)' -ldflags '$(LDFLAGS)'

test: ## Run every test, with the race detector; on Debian with real servers, unpacked into a cache (.ci/servers)
	@servers=$$(.ci/servers) && reference=$$(.ci/prometheus) && receivers=$$(.ci/receivers) && race=$$(.ci/race) && \
	 PATH="$${servers:+$$servers:}$${reference:+$$reference:}$${receivers:+$$receivers:}$$PATH" && export PATH && \
	 go run ./internal/tools/runtests $$race -shuffle=on $(if $(RTC_TEST_REDIS),-p 1) $(PACKAGES)

test-web: ## Run the tests of the dashboard in a browser; on Debian in chromium, unpacked into a cache (.ci/web)
	@browser=$$(.ci/web) && race=$$(.ci/race) && RTC_TEST_WEB=$${RTC_TEST_WEB:-$${browser:+1}} && export RTC_TEST_WEB && \
	 go run ./internal/tools/runtests $$race -shuffle=on ./cmd/rtcollector/web/ui

test-packages: $(NFPM) ## Install, run, upgrade and remove the packages in a Debian in the cache (needs root; .ci/packages)
	NFPM=$(NFPM) .ci/packages

test-vm: $(NFPM) ## Start, watch, stop and reboot the service under systemd in an emulated machine (needs root, minutes; .ci/vm)
	NFPM=$(NFPM) .ci/vm

test-machines: ## Run the builds for other processors and Windows, and the parsers' tests there; on Debian in emulators, unpacked into a cache (.ci/machines)
	@emulators=$$(.ci/machines) && PATH="$${emulators:+$$emulators:}$$PATH" && export PATH && \
	 go run ./internal/tools/runtests -count=1 -timeout 20m ./cmd/rtcollector/machines

vendor-web: ## Copy the dashboard's third-party files anew, in the versions of its package-lock.json (needs npm)
	cmd/rtcollector/web/ui/vendor.sh

vet: ## go vet, also for Windows of packages that have other files there; for other machines only what the compiler would find
	$(STATIC) go vet $(PACKAGES)
	$(STATIC) GOOS=windows go vet $$(go list -f '{{if .IgnoredGoFiles}}{{.ImportPath}}{{end}}' ./...)
	$(STATIC) go run ./internal/tools/typecheck windows/amd64 linux/arm darwin/arm64 freebsd/amd64

format: ## Fail when a file is not formatted
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not formatted: $$unformatted"; exit 1; fi

lint: $(GOLANGCI) ## Run golangci-lint
	$(STATIC) $(GOLANGCI) run

$(GOLANGCI):
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv bin/golangci-lint $@

bench: ## Run every benchmark
	@servers=$$(.ci/servers) && PATH="$${servers:+$$servers:}$$PATH" go test -run '^$$' -bench . -benchmem $(PACKAGES)

peers: build ## Compare the cost of this agent with other agents on this host (minutes; internal/bench/peers/README.md)
	@servers=$$(.ci/servers) && receivers=$$(.ci/receivers) && PATH="$${servers:+$$servers:}$${receivers:+$$receivers:}$$PATH" \
	 internal/bench/peers/run.sh bin/rtcollector

fuzz: ## Fuzz every parser for FUZZTIME (60s)
	@for pkg in $$(go list $(PACKAGES)); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg || exit 1; \
	  done; \
	done

chaos: ## Run the agent against a failing server and kill it, for CHAOS (0: about a minute; 3h; SEED repeats): every sample is written or counted as lost
	@race=$$(.ci/race) && go test $$race -count=1 -timeout $(if $(CHAOS),0,20m) -v ./cmd/rtcollector/chaos -run TestChaos -parallel 3 \
	  -chaos.for $(or $(CHAOS),0) -chaos.seed $(or $(SEED),0) -chaos.only '$(ONLY)'

soak: ## Run the agent while everything comes and goes, for SOAK (1h): memory, descriptors and goroutines stay flat (needs root)
	@servers=$$(.ci/servers) && PATH="$${servers:+$$servers:}$$PATH" && export PATH && \
	 $(STATIC) go test -count=1 -timeout 0 -v ./cmd/rtcollector/chaos -run TestSoak -soak.for $(or $(SOAK),1h)

fuzz-changed: ## Fuzz the packages that changed since SINCE (the last commit of origin), ten seconds a target
	.ci/fuzz $(SINCE)

cross: ## Build for every supported system
	@for t in $(TARGETS); do \
	  os=$${t%%/*} arch=$${t#*/} arm=7; case $$arch in arm/*) arm=$${arch#*/} arch=arm ;; esac; \
	  echo "build $$t"; $(STATIC) GOOS=$$os GOARCH=$$arch GOARM=$$arm go build -o /dev/null ./cmd/rtcollector || exit 1; \
	done

lean: ## Fail when the linker must keep every method of every type (docs/adr/0006)
	@if $(STATIC) go build -o /dev/null -ldflags=-dumpdep ./cmd/rtcollector 2>&1 | grep '<ReflectMethod> ->' | head -3 | grep .; \
	then echo "something looks methods up by name: the linker can leave none out, which is 10 MB"; exit 1; fi

generate: ## Make generated files anew
	go generate ./...

check: format vet lint test cross lean ## Everything that must pass before a change is done
	@before=$$(git status --porcelain); $(MAKE) -s generate; \
	 [ "$$before" = "$$(git status --porcelain)" ] || { echo "generated files were stale: commit them"; git status --short; exit 1; }
	@echo "all checks passed"
