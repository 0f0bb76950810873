# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything here runs through tools/isolated.py: no variable or file of yours can lead it to real AWS.
run := .venv/bin/python -I tools/isolated.py
# No registry is named in the files, so that each machine takes its own.
pin := ../.venv/bin/uv pip compile --quiet --system-certs --universal --no-emit-index-url --generate-hashes --upgrade \
	--custom-compile-command 'make pins'

# What has other dependencies: an environment of its own, as requirements/*.txt pins it, whose programs are found first.
beside = uv run --quiet --isolated --python .venv/bin/python --with-requirements requirements
# With the Python of .venv: ansible-test would try every one that it finds.
sanity = $(run) python -m tools.build ansible-test sanity --local \
	--python $$(.venv/bin/python -c 'import platform; print(platform.python_version()[:4])')
# ansible-test downloads this from a host that is no package registry, where it is not there. Python brings a pip as well.
get_pip := .cache/home/.ansible/test/cache/get_pip_25_2.py

.DEFAULT_GOAL := help
# Every target that `make help` lists is a deed, not a file.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*##[1-3].*/\1/p' Makefile)

help: ##1 List the targets
	@group() { printf '%s\n' "$$2"; sed -n "s/^\([a-z-]*\):.*##$$1 \(.*\)/\1|\2/p" Makefile | \
		while IFS='|' read -r target text; do printf '  make %-16s%s\n' "$$target" "$$text"; done; }; \
	group 1 'In the first hour'; group 2 'Before a pull request: all of test, and of the rest what you touched'; \
	group 3 'Before a release'

setup: ##1 Make .venv with all that is needed; a second call says that it is up to date
	@tools/setup.sh $(filter setup,$(MAKECMDGOALS))

demo: setup ##1 Audit a small fake AWS, see the plan that fixes it, do it, and audit again
	@$(run) python -m tools.demo

test: export FAKEAWS_RECORD = $(CURDIR)/.cache/recorded
test: export NO_COLOR = 1
test: setup ##1 lint, types, ansible-lint, sanity, unit, integration, docs-lint, recorded: two at a time; some minutes
	@mkdir -p .cache && rm -rf .cache/recorded .cache/failed
	@{ $(MAKE) --no-print-directory --keep-going --jobs=2 --output-sync=target \
		unit integration sanity ansible-lint docs-lint lint types; echo $$? >.cache/failed; } 2>&1 | tee .cache/test.log
	@grep '^make.*\*\*\*' .cache/test.log; exit $$(cat .cache/failed || echo 1)  # what failed, where a reader looks first
	@$(MAKE) --no-print-directory recorded

quick: setup ##1 ruff, and the tests of the policy engine and of the rules with few examples; half a minute
	$(run) ruff check
	$(run) ruff format --check
	HYPOTHESIS_PROFILE=brief $(run) python -m pytest tests/unit/policy tests/unit/checks -q -n 2

lint: setup ##2 ruff, the import contracts, yamllint, shellcheck, wording, the changelog's form, licences
	$(run) ruff check
	$(run) ruff format --check
	$(run) lint-imports --no-logo
	$(run) yamllint --strict .
	$(run) shellcheck tools/*.sh .ci/run
	$(run) python -m tools.wording
	$(run) antsibull-changelog lint
	$(run) reuse lint --quiet

types: setup ##2 mypy, strict
	$(run) mypy

ansible-lint: setup ##2 ansible-lint, production profile, offline, on what is shipped
	$(run) ansible-lint --offline --profile production roles playbooks

sanity sanity-all: $(get_pip)
$(get_pip):
	@mkdir -p $(@D) && echo 'import ensurepip; ensurepip.bootstrap()' >$@

sanity: setup ##2 ansible-test sanity, all its tests, on what is shipped
	$(sanity) --exclude tests/ --exclude tools/ --exclude benchmarks/

sanity-all: setup ##3 ansible-test sanity and ansible-lint on the tests, the tools and the benchmarks too; minutes
	$(sanity)
	$(run) ansible-lint --offline --profile production

unit: setup ##2 The unit tests, and how much of plugins/ they cover
	$(run) coverage run -m pytest tests/unit
	$(run) coverage report

integration: setup ##2 Playbooks against the fake AWS; not measured, which would make them a fifth slower
	$(run) python -m pytest tests/integration

recorded: ##2 That the permissions declared are those of the calls that the last `make test` made
	$(run) python -m pytest -q tests/recorded

test-faults: setup ##3 The whole fault sweep of enforcement: every AWS call goes wrong in every way; some minutes
	$(run) python -m tests.faults

test-random: setup ##3 Enforce what chance makes: RANDOM_ACCOUNTS (300), RANDOM_ORGANIZATIONS (100), RANDOM_SEED; some minutes
	$(run) python -m tests.random accounts $(or $(RANDOM_ACCOUNTS),300) $(RANDOM_SEED)
	$(run) python -m tests.random organizations $(or $(RANDOM_ORGANIZATIONS),100) $(RANDOM_SEED)

test-properties: setup ##3 The properties of the unit tests, 400 examples for each that sets no number of its own; minutes
	HYPOTHESIS_PROFILE=wide $(run) python -m pytest tests/unit -m hypothesis

test-pages: setup ##2 What README and docs/ show, typed and compared with what is printed, and their examples; minutes
	$(run) python -m pytest tests/pages

test-awx: setup ##2 Execution environment, ansible-runner, and the job templates on a stub of AWX's API; a minute
	@$(run) uv pip install --quiet --no-deps --target .cache/awx ansible==13.8.0  # it brings awx.awx
	$(run) python -m pytest tests/awx

test-eda: setup ##2 The rulebook by ansible-rulebook, events to playbook on the fake AWS; needs Java 17; three minutes
	@java --version >/dev/null || { echo 'Install Java 17: apt-get install openjdk-17-jre-headless'; exit 1; }
	$(run) env ANSIBLE_COLLECTIONS_PATH=$$(echo $(CURDIR)/.venv/lib/python3.*/site-packages) \
		$(beside)/eda.txt .venv/bin/python -m pytest tests/eda

test-browser: setup ##2 The HTML report in Chromium, with axe-core; a minute
	@command -v chromium || command -v chromium-browser || command -v google-chrome || { apt-get update -qq && \
		apt-get install -qq --yes --no-install-recommends chromium fonts-dejavu-core; }
	$(run) env PYTHONPATH=.venv/mypy_path $(beside)/browser.txt python -m pytest tests/browser

molecule: setup ##3 The role, converged twice, minutes: audit, enforce, provision, central_key, organization, exceptions
	$(run) molecule test --no-command-borders --scenario-name audit --scenario-name enforce --scenario-name provision \
		--scenario-name central_key --scenario-name organization --scenario-name exceptions

docs-lint: setup ##2 The documentation of modules, plugins and the role
	$(run) python -m tools.build antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=dependent .

fuzz: setup ##3 Try the engine, the rules and the reports with input that nobody meant; FUZZ_SECONDS, 300 by default
	$(run) python -m tests.fuzz $(FUZZ_SECONDS)

mutation: setup ##3 Change the key-policy engine in every small way, and see that its tests notice; an hour
	$(run) $(beside)/mutation.txt tools/mutation.sh

test-matrix: setup ##3 The integration tests and the pages' examples on every supported ansible-core; long
	$(run) python -m tools.matrix

bench: setup ##3 Time the policy engine, audits and sweeps beside plain boto3, an enforcement beside amazon.aws; some minutes
	@$(run) python -m benchmarks.policy
	@$(run) python -m benchmarks.audit
	@$(run) python -m benchmarks.sweep
	@$(run) python -m benchmarks.inventory
	@$(run) python -m benchmarks.enforce
	@$(run) python -m benchmarks.enforce_many

claims: setup ##3 Run every command of docs/claims.md, on two quiet cores; hours
	@mkdir -p build/claims; grep '^| ' docs/claims.md | cut -d'|' -f3 | grep -oE '`[^`]+`' | tr -d '`' | sort -u | { failed=0; \
	while read -r each; do \
		case $$each in make*) run=$$each ;; tests/*) run="$(run) python -m pytest $$each" ;; *) run="$(run) $$each" ;; esac; \
		log=build/claims/$$(printf %s "$$each" | tr -c '[:alnum:]' -).log; \
		if $$run </dev/null >"$$log" 2>&1; then echo "$$each: done"; else echo "$$each: FAILS, see $$log"; failed=1; fi; \
	done; exit $$failed; }

permissions: setup ##2 Write the IAM policies and the role template in docs/permissions anew
	@$(run) python -m tools.permissions

bench-peers: setup ##3 Let Prowler and Cloud Custodian look at accounts before and after an enforcement; downloads 1.5 GB
	@$(run) python -m benchmarks.peers
	@$(run) python -m benchmarks.peers_sweep

# Each with the oldest Python that it is installed for.
PINNED := test=3.12 eda=3.12 browser=3.12 release=3.12 mutation=3.12 matrix-target=3.10 matrix-2.18=3.11 \
	matrix-2.19=3.11 matrix-2.20=3.12 matrix-2.21=3.12 matrix-2.22=3.13

pins: setup ##3 Pin the requirements anew with their hashes, from requirements/*.in
	cd requirements && for each in $(PINNED); do \
		$(pin) --python-version "$${each#*=}" "$${each%=*}.in" --output-file "$${each%=*}.txt" || exit 1; done

screens: setup ##2 Write the screens of tests/unit/action/screens anew, for 1 to 500 accounts; read what has changed
	@$(run) python -m tests.unit.action.screens

pictures: setup ##2 Take the pictures in docs/pictures anew: the report and the table of what `make demo` audits
	$(run) python -m tools.pictures

shapes: setup ##3 Keep the published shapes as those of the version in galaxy.yml, which later ones are compared with
	$(run) python -m tests.unit.shapes

changelog: shapes ##3 Turn the fragments into CHANGELOG.rst, for the version in galaxy.yml
	$(run) antsibull-changelog release
	@rm -f changelogs/.plugin-cache.yaml

release: setup ##3 Build the tarball, install it by itself, import it as Galaxy does, and see that it can be tagged
	$(run) python -m tools.release

clean: ##1 Remove all that the targets above made
	rm -rf .venv .venv-* .cache .hypothesis .import_linter_cache .ruff_cache build
