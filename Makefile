.DEFAULT_GOAL := help
.PHONY: help build test lint fmt check ui ui-test shots bench bench-load bench-outage bench-rule fuzz mutants robustness vuln clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build dist/switchgear, without cgo
	CGO_ENABLED=0 go build -trimpath -o dist/ ./cmd/switchgear

test: ## vet and test, under the race detector; PKG=./fleet/... for a part
	scripts/test.sh $(PKG)

lint: ## run the linters
	scripts/lint.sh

fmt: ## format the Go files
	go tool -modfile=tools/go.mod golangci-lint fmt ./...

check: ## all that a commit must pass: formatting, tidiness, lint, tests, builds for three systems
	scripts/check.sh

ui: ## build the dashboard into ui/dist, which is committed
	scripts/ui.sh build

ui-test: ## check the dashboard alone; FILES=e2e/board.test.mjs for some of its browser tests
	scripts/ui.sh $(if $(FILES),e2e $(FILES))

shots: ## take the pictures of the README
	scripts/ui.sh shots

bench: ## measure the breaker beside its peers into bench/RESULTS.md; ROUNDS=9 ONLY='switchgear*' to choose
	go -C bench run . -rounds=$(or $(ROUNDS),9) -only='$(or $(ONLY),*)' $(if $(ONLY),,-into=RESULTS.md)

bench-outage: ## measure decisions of a fleet while its manager is lost; ARGS="-programs 20" to choose
	go -C bench run ./outage $(ARGS)

bench-rule: ## measure how soon a fault at one instance is known at all; ARGS="-instances 50" to choose
	go -C bench run ./rule $(ARGS)

bench-load: ## measure the manager under load; ARGS="-parts fanout -sockets 1000" to choose
	go -C bench run ./load $(ARGS)

fuzz: ## run every fuzz target for FUZZTIME (10s)
	scripts/fuzz.sh

mutants: ## plant the known faults one by one and see the tests fail
	scripts/mutants.sh

robustness: ## kill, stop and cut off managers of one database; ROUNDS=3 SEED=7 OLD=path to choose
	scripts/robustness.sh $(or $(ROUNDS),3) "$(SEED)" "$(abspath $(OLD))"

vuln: ## look for known vulnerabilities (needs vuln.go.dev)
	go tool -modfile=tools/go.mod govulncheck ./...

clean: ## remove what was built
	rm -rf dist
