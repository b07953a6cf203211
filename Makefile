# One command for each thing a developer does. Each installs what it needs first (tools/setup).
PREFIX ?= /usr/local
# How many compilers at once; all processors where it is empty.
JOBS ?=
export JOBS

.PHONY: all build setup test test-long demo demo-clean bench lint format fuzz asan tsan matrix lambda-zip install uninstall clean

all: build

setup:
	@tools/setup

build: setup  ## build/release/src/yesterdaytabase
	@tools/build release

test: setup  ## the tests, in some ten minutes on two cores; sanitizers and fuzzers have their own targets
	@tools/test

test-long: setup  ## the whole of the searches that `make test` samples; the two together are every test
	@tools/test --long

demo: setup build  ## production, snapshot, refresh, proof, in front of your eyes (STAY=1 leaves it running)
	@STAY="$(STAY)" demo/run

demo-clean:  ## stops and removes what `make demo STAY=1` left
	@demo/run clean

bench: setup  ## measured side by side with what one would do otherwise
	@tools/setup btrfs-progs xfsprogs && tools/build bench && bench/run

lint: setup  ## clang-format, clang-tidy, layering
	@tools/setup clang clang-tidy clang-format && tools/lint

format:
	@tools/setup clang-format && tools/format

asan tsan: setup  ## every test under a sanitizer
	@tools/test $@

matrix: setup  ## the tests on PostgreSQL 13 to 18
	@tools/matrix

fuzz: setup  ## every fuzzer for FUZZ_S seconds (default 300)
	@tools/setup clang libclang-rt-dev && tools/fuzz

lambda-zip: setup  ## build/lambda/yesterdaytabase.zip for AWS Lambda (docs/guide-aws.md)
	@tools/lambda-zip

install: build  ## the program, its manual page and completions, under PREFIX (DESTDIR is honoured)
	@tools/install "$(PREFIX)"

uninstall:  ## removes what `make install` put there; configs, keys and copies stay
	@tools/install --remove "$(PREFIX)"

clean:
	rm -rf build
