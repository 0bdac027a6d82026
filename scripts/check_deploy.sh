#!/usr/bin/env bash
# What deploy/ holds, read by the tools that will read it: promtool (package prometheus), systemd-analyze (systemd), and the program
# itself. The compose file and the Dockerfile are not run here: no container engine is asked for. CAPONIER names the program.
set -euo pipefail
cd "$(dirname "$0")/../deploy"
promtool check config --lint=all prometheus/prometheus.yml
promtool check rules --lint=all --lint-fatal prometheus/caponier.rules.yml
promtool test rules prometheus/caponier.rules.test.yml
"$CAPONIER" --config caponier.toml config check
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The program is not installed where the unit expects it.
sed "s|^ExecStart=/usr/bin/caponier|ExecStart=$CAPONIER|" systemd/caponier.service > "$scratch/caponier.service"
if command -v systemd-analyze > /dev/null; then
    systemd-analyze verify --man=no "$scratch/caponier.service"
    printf 'the unit holds\n'
else
    printf 'no systemd-analyze: the unit was not looked at\n'
fi
