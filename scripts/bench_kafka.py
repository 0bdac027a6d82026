"""A live run over a real broker against what bounds it, in one run on one machine.

    python3 scripts/bench_kafka.py --libs target/kafka-libs --people 6000

Starts Apache Kafka (its artifacts: `make kafka-libs`), simulates tenants, produces their exports, and measures in turns: a bare
consumer that only drains the topics with the same client, a replay of the same files, and a live run from its start to the end of
everything (`run --drain`). Then the last of these runs is started again, from its snapshot and without one. The broker is pinned to one core and the program to the other, each time. Then the topics are poured into
another at half of the live rate while a run reads it, and the run tells its latency. Prints medians and ratios; nothing is asserted.
"""

import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


def cpu_seconds(pid):
    """Processor seconds of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pinned(core, command):
    return ["taskset", "-c", str(core), *map(str, command)]


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.brokers = f"127.0.0.1:{args.port}"
        self.broker = None

    def start_broker(self):
        environment = {**os.environ, "LIBS": str(self.args.libs)}
        command = pinned(0, [ROOT / "tests/kafka/broker.sh", self.folder / "broker", self.args.port])
        log = open(self.folder / "broker.log", "w")
        self.broker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def caponier(self, *arguments):
        return pinned(1, [self.args.caponier, *arguments])

    def configure(self, name, topics):
        """A configuration of its own for one run: topics of ours are new, those read are shared."""
        tenants = (self.folder / "lab/caponier.toml").read_text()
        text = tenants + f'\n[operations]\nlisten = "127.0.0.1:{self.args.port + 9}"\n[kafka]\nbrokers = "{self.brokers}"\n'
        text += f'state = "{self.folder / name}"\ngroup = "{name}"\n'
        for topic in ("journal", "changes", "incidents", "dead_letters"):
            text += f'{topic} = "{name}.{topic}"\n'
        for topic, tenant in topics:
            text += f'[[topic]]\nname = "{topic}"\n' + (f'tenant = "{tenant}"\n' if tenant else "")
        path = self.folder / f"{name}.toml"
        path.write_text(text)
        return path

    def prepare(self):
        args = self.args
        run = lambda *a: subprocess.run([args.caponier, *map(str, a)], check=True, stderr=subprocess.DEVNULL)
        run("simulate", "--out", self.folder / "lab", "--seed", 7, "--people", args.people, "--days", args.days, "--attacks", 20)
        tenants = re.findall(r'^name = "(\w+)"', (self.folder / "lab/caponier.toml").read_text(), re.M)
        self.topics = [(f"exports.{t}", t) for t in dict.fromkeys(tenants)] + [("exports.shared", None)]
        path = self.configure("produce", self.topics)
        for _ in range(60):
            done = subprocess.run([args.caponier, "produce", str(self.folder / "lab/captures"), "--config", str(path), "--partitions", "3"],
                                  capture_output=True, text=True)
            if done.returncode == 0:
                return
        sys.exit(f"the broker does not answer:\n{done.stderr}")

    def drain(self):
        command = pinned(1, [self.args.examples / "drain", self.brokers, *(t for t, _ in self.topics)])
        messages, size, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        self.messages, self.bytes = int(messages), int(size)
        return float(seconds)

    def timed(self, command):
        begun, broker = time.perf_counter(), cpu_seconds(self.broker.pid)
        before = os.times()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        after = os.times()
        own = after.children_user + after.children_system - before.children_user - before.children_system
        return time.perf_counter() - begun, own, cpu_seconds(self.broker.pid) - broker

    def live(self, name):
        return self.timed(self.caponier("run", "--drain", "--quiet", "--config", self.configure(name, self.topics)))

    def again(self, name):
        """Seconds of a run that finds everything told already: from its snapshot, and from the beginning of its journal; the snapshot's size."""
        command = self.caponier("run", "--drain", "--quiet", "--config", self.folder / f"{name}.toml")
        size = max(f.stat().st_size for f in (self.folder / name).iterdir())
        from_snapshot = self.timed(command)[0]
        shutil.rmtree(self.folder / name)
        return from_snapshot, self.timed(command)[0], size

    def replay(self):
        config = self.configure("replay", [])
        return self.timed(self.caponier("replay", self.folder / "lab/captures", "--config", config, "--out", self.folder / "out"))

    def metrics(self):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.args.port + 9}/metrics", timeout=5).read().decode()

    def latency(self, rate):
        """Pours the topics into another at this rate under a run; the quantiles of what the run says of itself."""
        config = self.configure("half", [(f"half.{t}", o) for t, o in self.topics])
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        produce = [self.args.caponier, "produce", str(empty), "--config", str(config), "--partitions", "3"]
        subprocess.run(produce, stderr=subprocess.DEVNULL)
        run = subprocess.Popen(self.caponier("run", "--quiet", "--config", config), stderr=subprocess.DEVNULL)
        # Most of the messages are of one tenant: one topic is poured.
        source = max(self.topics, key=lambda t: t[1] is not None and t[1] == self.primary())[0]
        pour = pinned(0, [self.args.examples / "pour", self.brokers, rate, f"half.{source}", source])
        limit = ["timeout", "-s", "TERM", str(self.args.seconds), *pour]
        worst = 0
        poured = subprocess.Popen(limit)
        while poured.poll() is None:
            time.sleep(1)
            worst = max(worst, sum(samples(self.metrics(), "caponier_lag_messages")))
        text = self.metrics()
        run.terminate()
        run.wait()
        return quantile(text, 0.5), quantile(text, 0.99), sum(samples(text, "caponier_latency_seconds_count")), worst

    def primary(self):
        text = (self.folder / "lab/caponier.toml").read_text()
        return re.search(r'name = "(\w+)"\nrole = "primary"', text)[1]


def samples(text, name):
    return [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(name + r"[{ ]", line)]


def quantile(text, q):
    """As Prometheus reads a histogram: linear within a bucket."""
    buckets = [(float(le), float(n)) for le, n in re.findall(r'caponier_latency_seconds_bucket\{le="([^"]+)"\} (\S+)', text)]
    wanted, below, under = q * buckets[-1][1], 0.0, 0.0
    for edge, count in buckets:
        if count >= wanted:
            return below if edge == float("inf") or count == under else below + (edge - below) * (wanted - under) / (count - under)
        below, under = edge, count
    return below


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libs", type=pathlib.Path, required=True, help="artifacts of Apache Kafka (make kafka-libs)")
    parser.add_argument("--caponier", type=pathlib.Path, default=ROOT / "target/debug/caponier")
    parser.add_argument("--examples", type=pathlib.Path, default=ROOT / "target/debug/examples", help="folder of drain and pour")
    parser.add_argument("--people", type=int, default=6000)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=60, help="how long latency is looked at; 0 for not at all")
    parser.add_argument("--port", type=int, default=29592)
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="caponier-bench-"))
    bench = Bench(args, folder)
    try:
        bench.start_broker()
        bench.prepare()
        drains, replays, lives = [], [], []
        for turn in range(args.rounds):
            drains.append(bench.drain())
            replays.append(bench.replay())
            lives.append(bench.live(f"live{turn}"))
        report(bench, drains, replays, lives)
        snapshot, journal, size = bench.again(f"live{args.rounds - 1}")
        print(f"started again with nothing to tell: {snapshot:.2f} s from a snapshot of {size / 1e6:.1f} MB, {journal:.2f} s from the beginning of the journal")
        if args.seconds:
            rate = bench.messages / statistics.median(l[0] for l in lives) / 2
            half, most, changes, lag = bench.latency(rate)
            print(f"latency at half of that rate ({rate:.0f} messages a second, {changes:.0f} changes): p50 {half:.3f} s, p99 {most:.3f} s; most messages unread {lag:.0f}")
    finally:
        if bench.broker:
            bench.broker.terminate()
            bench.broker.wait()
        shutil.rmtree(folder, ignore_errors=True)


def report(bench, drains, replays, lives):
    middle = lambda of, at: statistics.median(o[at] for o in of)
    slower = max(statistics.median(drains), middle(replays, 0))
    print(f"{bench.messages} messages, {bench.bytes / 1e6:.0f} MB, {len(lives)} rounds, medians; broker on one core, the program on the other")
    print(f"{'':18} {'seconds':>8} {'MB/s':>7} {'own cpu':>8} {'broker cpu':>11}")
    rows = [("bare consumer", (statistics.median(drains), 0, 0)), ("replay of files", [middle(replays, i) for i in range(3)]),
            ("live, start to end", [middle(lives, i) for i in range(3)])]
    for name, (seconds, own, broker) in rows:
        print(f"{name:18} {seconds:8.2f} {bench.bytes / 1e6 / seconds:7.1f} {own:8.2f} {broker:11.2f}")
    live = middle(lives, 0)
    print(f"live at {slower / live:.2f} of the slower of the other two (bar 0.7); the broker's share of the processor time of a live run {middle(lives, 2) / (middle(lives, 1) + middle(lives, 2)):.2f}")


if __name__ == "__main__":
    main()
