"""A live run under a steady stream: what memory it takes over time, and how it catches up after a stop.

    python3 scripts/soak_kafka.py --libs target/kafka-libs --minutes 20

Starts Apache Kafka (`make kafka-libs`), simulates tenants for as many days as minutes (and some), and plays a day a minute
(`produce --speed 1440`) while `caponier run` reads, holding findings for `--retention` days. Looks every ten seconds at the memory of
the process and at what it holds; then stops the run for a minute while the stream goes on, and measures how long it takes until
event time is where it would have been. Prints a table and ratios; nothing is asserted.
"""

import argparse
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench_kafka import ROOT, Bench, samples

SPEED = 1440
# Event time moves by jumps, a settlement and a page at a time: so many seconds behind is not behind.
SLACK = 10


def resident(pid):
    """Megabytes of memory that a process has."""
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


class Soak(Bench):
    def prepare(self):
        args = self.args
        run = lambda *a: subprocess.run([args.caponier, *map(str, a)], check=True, stderr=subprocess.DEVNULL)
        run("simulate", "--out", self.folder / "lab", "--seed", 7, "--people", args.people, "--days", args.minutes + 5, "--attacks", args.minutes)
        tenants = re.findall(r'^name = "(\w+)"', (self.folder / "lab/caponier.toml").read_text(), re.M)
        topics = [(f"exports.{t}", t) for t in dict.fromkeys(tenants)] + [("exports.shared", None)]
        self.config = self.configure("soak", topics)
        self.config.write_text(f"[retention]\ndays = {args.retention}\n" + self.config.read_text())
        empty = self.folder / "empty"
        empty.mkdir()
        for _ in range(60):
            done = subprocess.run([args.caponier, "produce", str(empty), "--config", str(self.config), "--partitions", "2"], capture_output=True, text=True)
            if "cannot" not in done.stderr:
                return
        sys.exit(f"the broker does not answer:\n{done.stderr}")

    def run(self):
        log = open(self.folder / "run.log", "a")
        return subprocess.Popen(self.caponier("run", "--quiet", "--config", self.config), stderr=log)

    def told_until(self):
        """Event time that is taken as told, in seconds; none while nobody answers."""
        try:
            return figure(self.metrics(), "caponier_watermark_timestamp_seconds") or None
        except OSError:
            return None


def figure(text, name, label=""):
    found = re.findall(rf"^{name}{label} (\S+)$", text, re.M)
    return float(found[0]) if found else 0.0


def watch(soak, process):
    """A row a minute, of samples each ten seconds."""
    print(f"{'minute':>6} {'resident MB':>12} {'findings held':>14} {'messages':>10} {'unread':>7}")
    rows, begun = [], time.monotonic()
    for minute in range(1, soak.args.minutes + 1):
        sizes = []
        while time.monotonic() < begun + 60 * minute:
            time.sleep(10)
            if process.poll() is not None:
                sys.exit(f"the run ended:\n{(soak.folder / 'run.log').read_text()}")
            sizes.append(resident(process.pid))
        text = soak.metrics()
        findings, messages = figure(text, "caponier_state", r'\{what="findings"\}'), sum(samples(text, "caponier_messages_total"))
        unread = sum(samples(text, "caponier_lag_messages"))
        rows.append((max(sizes), findings))
        print(f"{minute:6} {max(sizes):12.0f} {findings:14.0f} {messages:10.0f} {unread:7.0f}", flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libs", type=pathlib.Path, required=True, help="artifacts of Apache Kafka (make kafka-libs)")
    parser.add_argument("--caponier", type=pathlib.Path, default=ROOT / "target/debug/caponier")
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--minutes", type=int, default=20)
    parser.add_argument("--retention", type=int, default=3, help="days that findings are held: minutes, as they are played")
    parser.add_argument("--port", type=int, default=29692)
    soak = Soak(parser.parse_args(), pathlib.Path(tempfile.mkdtemp(prefix="caponier-soak-")))
    started = []
    try:
        soak.start_broker()
        soak.prepare()
        process = soak.run()
        started.append(process)
        started.append(subprocess.Popen(
            [soak.args.caponier, "produce", str(soak.folder / "lab/captures"), "--config", str(soak.config), "--speed", str(SPEED)],
            stderr=subprocess.DEVNULL))
        rows = watch(soak, process)
        third = max(len(rows) // 3, 1)
        middle, last = (statistics.mean(mb for mb, _ in part) for part in (rows[third:2 * third], rows[-third:]))
        print(f"resident memory of the last third at {last / middle:.2f} of that of the middle third")
        before, told = time.monotonic(), soak.told_until()
        process.terminate()
        process.wait()
        time.sleep(60)
        begun = time.monotonic()
        process = soak.run()
        started.append(process)
        # Where event time would stand without the stop: the stream goes on, a day a minute.
        behind = lambda: told + SPEED * (time.monotonic() - before) - (soak.told_until() or told)
        while behind() > SPEED * SLACK:
            time.sleep(0.5)
            if time.monotonic() > begun + 600:
                sys.exit("it did not catch up within ten minutes")
        print(f"after a stop of {begun - before:.0f} s event time was where it would have been {time.monotonic() - begun:.0f} s after the start")
    finally:
        for process in started:
            process.terminate()
            process.wait()
        if soak.broker:
            soak.broker.terminate()
            soak.broker.wait()
        shutil.rmtree(soak.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
