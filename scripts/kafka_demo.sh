#!/usr/bin/env bash
# Two simulated tenants over a real broker: their exports played on topics of their own, incidents as they arrive. Everything lies in a folder
# of its own and is gone afterwards. CAPONIER names the program, LIBS the broker's artifacts (make kafka-demo sets both).
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d) port=${PORT:-29092}
tests/kafka/broker.sh "$dir/broker" "$port" > "$dir/broker.log" 2>&1 &
broker=$!
trap 'kill $broker 2>/dev/null || true; wait $broker 2>/dev/null || true; rm -rf "$dir"' EXIT
"$CAPONIER" simulate --out "$dir/lab" --seed 7 --people 300 --days 2 --attacks 6
{
    cat "$dir/lab/caponier.toml"
    printf '\n[kafka]\nbrokers = "127.0.0.1:%s"\nstate = "%s/state"\n[[topic]]\nname = "shared"\n' "$port" "$dir"
    for tenant in $(grep -oE '^name = "[a-z]+"' "$dir/lab/caponier.toml" | cut -d'"' -f2 | sort -u); do
        printf '[[topic]]\nname = "%s"\ntenant = "%s"\n' "$tenant" "$tenant"
    done
} > "$dir/live.toml"
mkdir "$dir/empty"
"$CAPONIER" produce "$dir/empty" --config "$dir/live.toml" --partitions 3 2> /dev/null || true   # makes the topics
printf '\nplaying two days in half a minute; incidents as they arrive\n'
"$CAPONIER" run --config "$dir/live.toml" &
run=$!
trap 'kill $run $broker 2>/dev/null || true; wait $broker 2>/dev/null || true; rm -rf "$dir"' EXIT
"$CAPONIER" produce "$dir/lab/captures" --config "$dir/live.toml" --speed 5760
kill -TERM $run && wait $run
printf '\nthe rest, and the end: it goes on where it stopped\n'
"$CAPONIER" run --config "$dir/live.toml" --drain
