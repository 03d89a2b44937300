# Two commands on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
CARGO ?= cargo

.PHONY: help setup geo build demo demo-kafka serve test formats oracle order simulate faults upgrade-test fuzz lint fmt bench train sentiment-eval docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## fetch what tests and demos need (engine, broker, tools), pinned and checked
	@scripts/setup.sh all

geo: ## fetch a free city database (DB-IP City Lite, CC BY 4.0), pinned and checked, into .setup/geo
	@scripts/fetch-geo.sh

build: ## build the binary (target/release/crumbtrail)
	@scripts/setup.sh build
	$(CARGO) build --release --locked -p crumbtrail

demo: ## a demo world through the three processors into an embedded ClickHouse, and a report
	@scripts/demo.sh local

demo-kafka: ## the same world through a real Apache Kafka broker
	@scripts/demo.sh kafka

serve: ## keep the demo's tables open for a BI tool on 127.0.0.1:8123
	@scripts/demo.sh serve

test: ## set up and pass every test
	@scripts/test.sh

formats: ## write the fixtures of this release's stored formats (CONTRIBUTING.md says when)
	$(CARGO) test --release --locked -p crumbtrail-tests --test formats -- --ignored --nocapture write_the_fixtures

oracle: ## hold the sessions against docs/sql/sessions.sql on a million events (EVENTS=1000000)
	CRUMBTRAIL_ORACLE_EVENTS=$(or $(EVENTS),1000000) $(CARGO) test --release --locked -p crumbtrail-tests --test oracle -- \
	  --nocapture --test-threads 1

order: ## order does not matter: the property tests of sessions and conversations, the long form (CASES=1000000)
	CRUMBTRAIL_CASES=$(or $(CASES),1000000) $(CARGO) test --release --locked -p crumbtrail-sessions --test order

simulate: ## try to break the promise: RUNS=5000000 [SEED=0 JOBS=1], or SEED=… alone for the story of one seed
	$(CARGO) run --release --locked -p crumbtrail-simulate --bin simulate -- \
	  --seed $(or $(SEED),0) $(if $(RUNS),--runs $(RUNS)) --jobs $(or $(JOBS),1) $(if $(MUTATION),--mutation $(MUTATION))

faults: ## kills, sleepers, a dying broker, a network that lies, a full disk: on real processes (half an hour)
	@scripts/faults.sh

upgrade-test: ## a rolling upgrade and a roll-back mid-stream between this build and that of a git ref: OTHER=v0.1.0
	@scripts/upgrade-test.sh $(OTHER)

fuzz: ## feed foreign bytes to every decoder and parser: SECS=30 a target, TARGETS="json_click url"
	@SECS=$(or $(SECS),30) scripts/fuzz.sh $(TARGETS)

lint: ## format, clippy, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	@scripts/deny.sh

fmt: ## format
	$(CARGO) fmt --all

bench: ## CPU time and memory of each stage, as figures and ratios
	@scripts/bench.sh

train: ## train the sentiment and language models anew (CRUMBTRAIL_DATA=folder with the corpora)
	$(CARGO) run --release --locked -p crumbtrail-sentiment --features train --bin train

sentiment-eval: ## read labelled texts beside light peers, the same rows for all (CRUMBTRAIL_DATA=folder with the corpora)
	$(CARGO) build --release --locked -p crumbtrail
	python3 -m venv target/peers && target/peers/bin/pip install --quiet vaderSentiment==3.3.2
	target/peers/bin/python scripts/sentiment-eval.py target/release/crumbtrail --card docs/sentiment.md
	$(CARGO) run --release --locked -p crumbtrail-sentiment --features train --bin train -- --only across

docs: ## write the generated pages (tables, metrics, config)
	$(CARGO) run --release --locked -p crumbtrail -- docs --out docs

clean: ## remove the build, the demo and what setup fetched
	rm -rf target .setup .demo fuzz/target fuzz/corpus fuzz/artifacts
