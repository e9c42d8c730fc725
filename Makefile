# Bare `make` prints the targets. Everything that a target needs beyond Go and
# Python 3.9+ is installed into build/ by the target itself.

VERSION    := $(shell cat VERSION)
GOFLAGS    := -trimpath
LDFLAGS    := -s -w -X main.version=$(VERSION)
SOURCES    := $(shell find cmd internal jpeg -name '*.go' -o -name '*.s' -o -name '*.sql' -o -name '*.json' -o -name '*.py' 2>/dev/null) go.mod go.sum VERSION
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
BENCHSTAT  := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
FUZZTIME   ?= 20s
BENCH      ?= .
PKG        ?= ./...

export CGO_ENABLED ?= 0

# Packages with tests of what is allocated (TestX...Allocat...): the race detector
# allocates by itself, so that they run without it too.
ALLOCATIONS = $(sort $(dir $(shell grep -rl --include='*_test.go' AllocsPerRun ./jpeg ./internal)))

# What some Go tests compare with, and run notebooks with.
PYTHONS := STOKER_PILLOW_PYTHON=$(CURDIR)/build/venv-test/bin/python STOKER_TEST_PYTHON=$(CURDIR)/build/venv-test/bin/python \
	PATH=$(CURDIR)/build/venv-test/bin:$$PATH

.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@echo "Stoker $(VERSION)"; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: bin/stoker ## the command, bin/stoker

bin/stoker: $(SOURCES)
	@scripts/require.sh go
	go build $(GOFLAGS) -ldflags '$(LDFLAGS)' -o $@ ./cmd/stoker

.PHONY: demo
demo: build ## make a picture dataset, pack it, train a real network on it (under 3 minutes)
	@scripts/venv.sh build/venv-demo python/requirements-demo.txt --optional python/requirements-demo-jax.txt
	build/venv-demo/bin/python scripts/demo.py

.PHONY: test
test: test-go test-python ## everything: Go with the race detector, and Python

.PHONY: test-go
test-go: build/venv-test/ok
	@scripts/require.sh go cc
	CGO_ENABLED=1 $(PYTHONS) scripts/gotest.py -race $(PKG)
	scripts/gotest.py -run Allocat $(ALLOCATIONS)

.PHONY: test-python
test-python: build build/venv-test/ok
	STOKER_BIN=$(CURDIR)/bin/stoker build/venv-test/bin/python -m pytest -q python/tests

.PHONY: test-long
test-long: build build/venv-test/ok ## the same tests with 100 kills each and long soaks
	CGO_ENABLED=1 STOKER_LONG=1 $(PYTHONS) scripts/gotest.py -race -timeout 60m $(PKG)
	STOKER_LONG=1 STOKER_BIN=$(CURDIR)/bin/stoker build/venv-test/bin/python -m pytest -q python/tests

.PHONY: test-frameworks
test-frameworks: build ## the loaders of PyTorch, JAX and Keras (installs PyTorch: 6 GB)
	@scripts/venv.sh build/venv-torch python/requirements-torch.txt
	STOKER_BIN=$(CURDIR)/bin/stoker build/venv-torch/bin/python -m pytest -q -rs python/tests/test_torch.py python/tests/test_sampler_real.py python/tests/test_jax.py \
		python/tests/test_sequences.py

.PHONY: imdb
imdb: build ## the Keras tutorial on film reviews, fed in several ways (IMDB=--small for a minute's run)
	@scripts/venv.sh build/venv-imdb examples/imdb_keras/requirements.txt
	STOKER_BIN=$(CURDIR)/bin/stoker build/venv-imdb/bin/python examples/imdb_keras/imdb.py $(IMDB)

.PHONY: test-real-runs
test-real-runs: build ## train with Keras, Lightning, Hugging Face and others, and check that their progress is read (6 GB)
	scripts/real_runs.sh

.PHONY: check
check: build/venv-test/ok ## what a change must pass: vet, staticcheck, Python lint and types, all tests
	go vet ./...
	go vet -tags noasm ./...
	go run $(STATICCHECK) ./...
	@test -z "$$(gofmt -l cmd internal jpeg)" || { gofmt -l cmd internal jpeg; echo 'run: gofmt -w'; exit 1; }
	build/venv-test/bin/ruff check python scripts examples benchmarks
	build/venv-test/bin/ruff check --config python/pyproject.toml internal/run/sampler/py
	build/venv-test/bin/mypy --strict python/src/stoker
	$(MAKE) test

.PHONY: bench
bench: ## Go benchmarks, ten times, through benchstat (BENCH=name PKG=./internal/plan)
	@mkdir -p build
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count 10 $(PKG) | tee build/bench.txt
	go run $(BENCHSTAT) build/bench.txt

.PHONY: figures
figures: build build/venv-test/ok ## hand-off, first batch, resume, two cores, breaks, memory, on PHOTOS (a folder of class folders)
	STOKER_BIN=$(CURDIR)/bin/stoker build/venv-test/bin/python scripts/figures.py $(PHOTOS)

.PHONY: bench-runner
bench-runner: build ## what stoker run costs a command that prints 1,000 lines a second (10 minutes; PAIRS=200)
	@scripts/require.sh python3
	STOKER_BIN=$(CURDIR)/bin/stoker python3 scripts/bench_runner.py --pairs $(or $(PAIRS),200)

.PHONY: bench-decode
bench-decode: build ## decoding and resizing PHOTOS beside Pillow and FFCV's way, one core, one run
	@scripts/venv.sh build/venv-decode python/requirements-decode.txt
	build/venv-decode/bin/python scripts/bench_decode.py $(PHOTOS)

.PHONY: bench-torch
bench-torch: build ## beside PyTorch's DataLoader on PHOTOS, in one run (installs PyTorch: 6 GB)
	@scripts/venv.sh build/venv-torch python/requirements-torch.txt
	STOKER_BIN=$(CURDIR)/bin/stoker build/venv-torch/bin/python scripts/bench_torch.py $(PHOTOS)

.PHONY: bench-sequences
bench-sequences: build ## feeding sequences beside PyTorch and Hugging Face, in one run (TEXTS=reviews.jsonl.gz; 6 GB)
	@scripts/venv.sh build/venv-sequences python/requirements-sequences.txt
	STOKER_BIN=$(CURDIR)/bin/stoker build/venv-sequences/bin/python scripts/bench_sequences.py $(TEXTS)

.PHONY: bench-pack-text
bench-pack-text: build ## packing text beside Keras and the tokenizers library (TEXTS=reviews.jsonl.gz; 2 GB)
	@scripts/venv.sh build/venv-pack-text python/requirements-pack-text.txt
	build/venv-pack-text/bin/python scripts/bench_pack_text.py $(TEXTS) --stoker bin/stoker --where split=train

.PHONY: bench-peers
bench-peers: build ## Stoker and 11 other loaders on the same photographs (12 GB; PHOTOS=folder, PEERS="--only dali stoker_")
	@scripts/require.sh python3 venv
	STOKER_BIN=$(CURDIR)/bin/stoker python3 benchmarks/peers/peers.py $(PHOTOS) $(PEERS)

.PHONY: bench-why
bench-why: build ## how well `stoker why` measures and predicts, on PHOTOS and TEXT (WHY="--predict --runs 3"; all of it takes hours)
	@scripts/venv.sh build/venv-torch python/requirements-torch.txt
	@scripts/venv.sh build/venv-why python/requirements-why.txt
	STOKER_BIN=$(CURDIR)/bin/stoker python3 scripts/bench_why.py $(PHOTOS) $(TEXT) $(WHY)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (20s) each
	@scripts/fuzz.sh $(FUZZTIME) $(PKG)

.PHONY: wheel
wheel: ## dist/stoker-$(VERSION)-py3-none-manylinux*.whl with the static binary inside
	@scripts/require.sh go python3
	python3 scripts/mkwheel.py

.PHONY: clean
clean: ## remove what the targets made
	rm -rf bin build dist demo-data

build/venv-test/ok: python/requirements-test.txt python/requirements-test-frameworks.txt
	@scripts/venv.sh build/venv-test python/requirements-test.txt --optional python/requirements-test-frameworks.txt
	@touch $@
