# Powernode. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BIN    := bin
STATE  := .powernode
LISTEN ?= 127.0.0.1:3000
GO     := go

.PHONY: help setup build demo run test test-short lint bench microbench fuzz soak clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install and start what is missing (PostgreSQL, Docker, kubectl, git)
	@.ci/setup

build: ## build pnserver, pnctl and pnrunner into bin/
	@mkdir -p $(BIN)
	$(GO) build -trimpath -ldflags "-s -w" -o $(BIN)/ ./cmd/...

demo: setup build ## watch desired state become real, in under 3 minutes
	@examples/quickstart/demo.sh

run: setup build ## keep a server running on $(LISTEN), data in .powernode
	@examples/quickstart/demo.sh prepare
	$(BIN)/pnserver serve --listen $(LISTEN) --data-dir $(STATE)

# Every program that is built to find races would stay for a second when it ends, the short ones included.
test soak: export GORACE := atexit_sleep_ms=0

test: setup lint ## all tests, on real PostgreSQL, Docker, kubectl and git
	$(GO) test -race -timeout 20m ./...
	$(GO) test -tags failpoints ./api/failpoint

test-short: ## the tests that need neither PostgreSQL nor Docker
	$(GO) test -short ./...

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l api cmd controllers examples reconcile schemas store); if [ -n "$$unformatted" ]; then echo "gofmt -w: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# How often, and how long everything is broken in each run of the chaos test. A run that failed
# names its seed: POWERNODE_CHAOS_SEED=... repeats it. What it leaves to look at lies in $(STATE)/soak.
SOAK_COUNT ?= 10
SOAK_TIME  ?= 1m

soak: setup ## what takes long: the crash, outage and chaos tests, SOAK_COUNT times over, with chaos for SOAK_TIME
	@mkdir -p $(STATE)/soak
	POWERNODE_SOAK=1 POWERNODE_CHAOS_TIME=$(SOAK_TIME) $(GO) test -race -timeout 4h -count $(SOAK_COUNT) -artifacts -outputdir $(CURDIR)/$(STATE)/soak \
	  -run 'Killed|Kill|Crash|Dies|Stop|Lost|Outage|Takeover|Held|Under|Failing|NothingIsWritten' ./examples ./store/... ./controllers/... ./reconcile/...

bench: setup ## print our figures beside a raw UPDATE of the same run (BENCH="-only write -rows 'HTTP update'")
	$(GO) run ./examples/bench $(BENCH)
	$(if $(BENCH),,@SIMULATION="20 10000 100000" $(GO) test -v -count 1 -timeout 30m -run '^TestSimulation$$' ./reconcile)

microbench: ## the Go benchmarks of single parts
	$(GO) test -run '^$$' -bench . -benchtime 2s ./store/... ./schemas/... ./api/...

fuzz: ## a minute of each fuzz target
	@for pkg in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime 1m $$pkg || exit 1; \
	  done; \
	done

clean: ## remove what was built; keeps .powernode
	rm -rf $(BIN)
