# Two commands matter: `make demo` and `make test`. Both, and CI, share the dev profile, so DataFusion is built once.
# `make help` prints the lines that carry `##`.

CARGO   ?= cargo
TARGET  := $(or $(CARGO_TARGET_DIR),target)
RUN     := $(TARGET)/debug/caponier
DEMO    ?= demo
FIGURES ?= $(TARGET)/figures
MONTH   ?= $(TARGET)/month
MONTH_PEOPLE  ?= 20000
MONTH_ATTACKS ?= 200
SEED    ?= 7
PEOPLE  ?= 5000
DAYS    ?= 3
ATTACKS ?= 40
ORGANISATION ?= 1000000
PYTHON  ?= python3

.DEFAULT_GOAL := help
.PHONY: help demo test test-kafka soak kafka-demo kafka-libs deploy-check lint fmt corpus accuracy month rules real-incidents bench bench-kafka soak-memory bench-identity accuracy-identity fuzz release clean

help: ## print this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

demo: build ## build, simulate two tenants under attack, replay their exports, tell the gravest cross-tenant story
	rm -rf $(DEMO)
	$(RUN) simulate --out $(DEMO) --seed 7 --people 300 --days 2 --attacks 6
	$(RUN) replay $(DEMO)/captures --out $(DEMO)/incidents.ndjson --summary $(DEMO)/summary.json --dead-letter $(DEMO)/dead.ndjson
	$(RUN) explain gravest --incidents $(DEMO)/incidents.ndjson
	@echo "the incidents are in $(DEMO)/incidents.ndjson, one JSON object a line; the truth is in $(DEMO)/truth.ndjson"

# The benches' yardstick (sonic-rs) asks for other features of crates below DataFusion, which would be built once more: the
# benches' own tests run with `make bench`.
test: ## every test of the workspace, one profile, no network
	$(CARGO) test --workspace --exclude caponier-benches

# Apache Kafka from its published artifacts: Maven and a Java runtime (17 or newer) are asked for.
KAFKA_LIBS ?= $(abspath $(TARGET))/kafka-libs

kafka-libs: $(KAFKA_LIBS)/.done ## fetch the artifacts of Apache Kafka for the two below

$(KAFKA_LIBS)/.done: tests/kafka/pom.xml
	rm -rf $(KAFKA_LIBS)
	mvn -q -B -f tests/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(KAFKA_LIBS)
	touch $@

test-kafka: build kafka-libs ## the live halves against a real Kafka broker on loopback (needs mvn and java)
	CAPONIER=$(abspath $(RUN)) CAPONIER_KAFKA_LIBS=$(KAFKA_LIBS) $(CARGO) test -p caponier-tests --features kafka --test kafka -- --test-threads 1

KILLS ?= 50

soak: build kafka-libs ## kill a live run at fifty seeded instants (KILLS=), and see that nobody can tell
	CAPONIER=$(abspath $(RUN)) CAPONIER_KAFKA_LIBS=$(KAFKA_LIBS) CAPONIER_KILLS=$(KILLS) $(CARGO) test -p caponier-tests --features kafka --test kafka -- --nocapture killed_at_any_instant

kafka-demo: build kafka-libs ## start a broker, put simulated exports on topics, watch incidents arrive
	CAPONIER=$(abspath $(RUN)) LIBS=$(KAFKA_LIBS) scripts/kafka_demo.sh

deploy-check: build ## what deploy/ holds, read by promtool (package prometheus) and systemd-analyze
	CAPONIER=$(abspath $(RUN)) scripts/check_deploy.sh

lint: ## formatting, clippy and docs, warnings denied
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets --features caponier-tests/kafka -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps

fmt: ## format every crate
	$(CARGO) fmt --all

corpus: build ## replay the public captures that CAPONIER_CORPUS names, and compare with the oracles in them
	@test -n "$$CAPONIER_CORPUS" || { echo "CAPONIER_CORPUS must name the folder of public captures"; exit 2; }
	$(CARGO) test --workspace --exclude caponier-benches corpus

accuracy: build ## all of the lab's figures: SEED, PEOPLE, DAYS and ATTACKS may be set; with the month (9 GB, MONTH_PEOPLE=1000 MONTH_ATTACKS=60 for a twentieth)
	rm -rf $(FIGURES)
	$(RUN) simulate --out $(FIGURES) --seed $(SEED) --people $(PEOPLE) --days $(DAYS) --attacks $(ATTACKS)
	$(RUN) replay $(FIGURES)/captures --out $(FIGURES)/incidents.ndjson --summary $(FIGURES)/summary.json --dead-letter $(FIGURES)/dead.ndjson
	$(RUN) evaluate --truth $(FIGURES)/truth.ndjson $(FIGURES)/incidents.ndjson
	$(MAKE) month
	$(MAKE) rules

rules: build ## a twentieth of the month with the scenarios of the rules staged: what they find, and how often they fire at nothing
	rm -rf $(FIGURES)/rules
	$(RUN) simulate --out $(FIGURES)/rules --seed $(SEED) --people 1000 --days 30 --tenants 3 --attacks 60 --sign-ins 4 --herrings --scenarios
	$(RUN) --config $(FIGURES)/rules/caponier.toml replay $(FIGURES)/rules/captures --decisions $(FIGURES)/rules/decisions.ndjson \
	    --out $(FIGURES)/rules/incidents.ndjson --firings $(FIGURES)/rules/firings.ndjson
	$(RUN) evaluate --truth $(FIGURES)/rules/truth.ndjson --firings $(FIGURES)/rules/firings.ndjson --max-false-firings 1

# Four sign-ins a day: 30 days of 20,000 people stay below four million records (ten gigabytes on disk).
month: build ## a month of MONTH_PEOPLE people (20,000) in three tenants with a red herring for each guard: scores, and the table of guards off
	rm -rf $(MONTH)
	$(RUN) simulate --out $(MONTH) --seed $(SEED) --people $(MONTH_PEOPLE) --days 30 --tenants 3 --attacks $(MONTH_ATTACKS) --sign-ins 4 --herrings
	$(RUN) --config $(MONTH)/caponier.toml replay $(MONTH)/captures --decisions $(MONTH)/decisions.ndjson \
	    --out $(MONTH)/incidents.ndjson --summary $(MONTH)/summary.json
	$(RUN) evaluate --truth $(MONTH)/truth.ndjson $(MONTH)/incidents.ndjson
	$(RUN) --config $(MONTH)/caponier.toml evaluate --sweep docs/sweep.guards.toml --decisions $(MONTH)/decisions.ndjson \
	    --truth $(MONTH)/truth.ndjson $(MONTH)/captures

real-incidents: build ## regroup the real incidents of CAPONIER_CORPUS, three readings, and sweep settings over them
	@test -n "$$CAPONIER_CORPUS" || { echo "CAPONIER_CORPUS must name the folder of public captures"; exit 2; }
	rm -rf $(FIGURES)/real && mkdir -p $(FIGURES)/real
	CAPONIER_READINGS=$(abspath $(FIGURES)/real) $(CARGO) test -p caponier-tests corpus_real_incidents
	$(RUN) evaluate --sweep $(FIGURES)/real/sweep.toml

bench: ## decode, resolve, correlate, the whole path and the index of a million accounts, as ratios of a typed parse
	$(CARGO) bench -p caponier-benches

accuracy-identity: ## accuracy and cost of the identity join for ORGANISATION people (a million: eight gigabytes, minutes)
	CAPONIER_PEOPLE=$(ORGANISATION) $(CARGO) bench --profile join -p caponier-query --bench join

bench-kafka: build kafka-libs ## a live run over a real broker against a bare consumer and a replay (needs mvn, java and Python)
	$(CARGO) build -p caponier-transport --examples
	$(PYTHON) scripts/bench_kafka.py --libs $(KAFKA_LIBS) --caponier $(abspath $(RUN)) --examples $(abspath $(TARGET))/debug/examples

soak-memory: build kafka-libs ## twenty minutes of a live run under a steady stream: memory, and how it catches up after a stop
	$(PYTHON) scripts/soak_kafka.py --libs $(KAFKA_LIBS) --caponier $(abspath $(RUN))

bench-identity: ## the identity join against DuckDB (needs Python with the package duckdb), same SQL, same Parquet, one run
	$(PYTHON) scripts/bench_identity_join.py --people $(ORGANISATION)

fuzz: ## one minute of libFuzzer per target (needs a nightly and cargo-fuzz; the seeded driver is part of `make test`)
	cd fuzz && for target in $$($(CARGO) +nightly fuzz list); do $(CARGO) +nightly fuzz run $$target -- -max_total_time=60 || exit 1; done

release: ## the optimised binary, target/release/caponier (20 minutes on two cores)
	$(CARGO) build --release -p caponier

clean: ## remove what was built and the demo
	$(CARGO) clean
	rm -rf $(DEMO)

.PHONY: build
build:
	$(CARGO) build -p caponier
