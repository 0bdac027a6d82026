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
# Where systemd cannot look at a unit that is surely right, it says nothing about ours.
printf '[Service]\nExecStart=/bin/true\n' > "$scratch/plain.service"
if systemd-analyze verify --man=no "$scratch/plain.service" > /dev/null 2>&1; then
    # A key that it does not know is a warning to it; to us it is a fault. What it thinks of the machine's own units is not asked.
    told=$(systemd-analyze verify --man=no "$scratch/caponier.service" 2>&1 | grep caponier || true)
    if [ -n "$told" ]; then
        printf '%s\n' "$told" >&2
        exit 1
    fi
    printf 'the unit holds\n'
else
    printf 'no systemd here: the unit was not looked at\n'
fi
