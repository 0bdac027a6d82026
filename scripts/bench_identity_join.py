"""The identity join against DuckDB: the same SQL files over the same Parquet files, side by side in one run.

    python3 scripts/bench_identity_join.py --people 1000000

Needs the Python package `duckdb`. Builds and runs the bench `join` of caponier-query (optimised), which writes the tables of a
simulated organisation; then both engines run every query of queries/identity, in turns, each time in a process of its own, with
equally many threads. Printed are medians over the rounds, their ratios, and the most memory a process held. Before that the
results are compared, row for row. Exits with 1 where a result differs or a bar is missed: not slower than DuckDB in all, and not
more than twice its memory.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def bench_binary():
    """The optimised bench, built if need be."""
    command = ["cargo", "bench", "-p", "caponier-query", "--bench", "join", "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = (json.loads(line) for line in built.splitlines() if line.startswith("{"))
    found = [m["executable"] for m in messages if m.get("target", {}).get("name") == "join" and m.get("executable")]
    return found[-1]


def sql_files(folder):
    return sorted(pathlib.Path(folder).glob("*.sql"))


def duckdb_over(folder, threads):
    """A connection that sees every Parquet file of the folder as a table."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {int(threads)}")
    # In the SQL standard, and so in our queries, integers divide to integers.
    connection.execute("SET integer_division = true")
    for path in sorted(pathlib.Path(folder).glob("*.parquet")):
        connection.execute(f"CREATE VIEW {path.stem} AS SELECT * FROM read_parquet('{path}')")
    return connection


def run_duckdb(folder, queries, threads):
    """What the bench does with `datafusion`, with DuckDB: results are held in memory, and dropped."""
    start = time.perf_counter()
    connection = duckdb_over(folder, threads)
    print(f"open {(time.perf_counter() - start) * 1e3:.1f} 0")
    for path in sql_files(queries):
        start = time.perf_counter()
        connection.execute(f"CREATE TEMP TABLE result AS {path.read_text()}")
        took = (time.perf_counter() - start) * 1e3
        rows = connection.execute("SELECT count(*) FROM result").fetchone()[0]
        connection.execute("DROP TABLE result")
        print(f"{path.stem} {took:.1f} {rows}")


def measured(command):
    """Runs a process: {name: milliseconds}, {name: rows}, (seconds, processor seconds), most megabytes held."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = child.stdout.read().splitlines()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{command} failed with {child.returncode}")
    wall = time.perf_counter() - start
    parts = [line.split() for line in lines]
    parts = [p for p in parts if len(p) == 3 and p[0] != "peak"]
    seconds = (wall, usage.ru_utime + usage.ru_stime)
    return {p[0]: float(p[1]) for p in parts}, {p[0]: int(p[2]) for p in parts}, seconds, usage.ru_maxrss / 1024


def differing(folder, queries, binary, threads):
    """The queries of which the two engines return different rows."""
    import duckdb

    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run([binary, "answers", folder, queries, temporary], check=True)
        connection = duckdb_over(folder, threads)
        wrong = []
        for path in sql_files(queries):
            theirs = f"({path.read_text()}) AS theirs"
            mine = f"read_parquet('{temporary}/{path.stem}.parquet')"
            connection.execute(f"CREATE TEMP TABLE theirs AS SELECT * FROM {theirs}")
            count = f"""SELECT (SELECT count(*) FROM (FROM theirs EXCEPT ALL FROM {mine}))
                             + (SELECT count(*) FROM (FROM {mine} EXCEPT ALL FROM theirs))"""
            rows = connection.execute(count).fetchone()[0]
            connection.execute("DROP TABLE theirs")
            if rows:
                wrong.append(f"{path.stem}: {rows} rows differ")
        return wrong


def compare(arguments):
    binary = arguments.binary or bench_binary()
    folder, queries, threads = str(arguments.folder), str(arguments.queries), str(arguments.threads)
    if not list(pathlib.Path(folder).glob("*.parquet")):
        environment = {**os.environ, "CAPONIER_PEOPLE": str(arguments.people)}
        subprocess.run([binary, "parquet", folder], check=True, env=environment)
    wrong = [] if arguments.skip_equality else differing(folder, queries, binary, threads)
    said = "not compared" if arguments.skip_equality else "; ".join(wrong) or "equal, row for row"
    print(f"results: {said}")
    commands = {
        "datafusion": [binary, "datafusion", folder, queries, threads],
        "duckdb": [sys.executable, __file__, "duckdb", folder, queries, threads],
    }
    times, walls, processors, peaks, rows = {}, {}, {}, {}, {}
    for _ in range(arguments.rounds):
        for engine, command in commands.items():
            took, rows, (wall, processor), peak = measured(command)
            for name, milliseconds in took.items():
                times.setdefault((name, engine), []).append(milliseconds)
            times.setdefault(("all queries", engine), []).append(sum(took.values()))
            walls.setdefault(engine, []).append(wall)
            processors.setdefault(engine, []).append(processor)
            peaks.setdefault(engine, []).append(peak)
    print(f"\n{'milliseconds, medians':26} {'rows':>9} {'datafusion':>11} {'duckdb':>9} {'ratio':>7}")
    for name in [*rows, "all queries"]:
        mine, theirs = (statistics.median(times[name, engine]) for engine in commands)
        print(f"{name:26} {rows.get(name, ''):>9} {mine:11.0f} {theirs:9.0f} {mine / theirs:7.2f}")
    mine, theirs = (statistics.median(walls[engine]) * 1e3 for engine in commands)
    print(f"{'process, start to end':26} {'':>9} {mine:11.0f} {theirs:9.0f} {mine / theirs:7.2f}")
    speed = mine / theirs
    # Of all processors together: what a machine that others use at the same time distorts least.
    mine, theirs = (statistics.median(processors[engine]) * 1e3 for engine in commands)
    print(f"{'process, processor time':26} {'':>9} {mine:11.0f} {theirs:9.0f} {mine / theirs:7.2f}")
    mine, theirs = (max(peaks[engine]) for engine in commands)
    print(f"{'megabytes, most held':26} {'':>9} {mine:11.0f} {theirs:9.0f} {mine / theirs:7.2f}")
    return bool(wrong) or speed > 1 or mine > 2 * theirs


def main():
    if sys.argv[1:2] == ["duckdb"]:
        return run_duckdb(*sys.argv[2:])
    parser = argparse.ArgumentParser(description="The identity join, DataFusion against DuckDB.")
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "target" / "identity-join")
    parser.add_argument("--queries", type=pathlib.Path, default=ROOT / "queries" / "identity")
    parser.add_argument("--binary", help="the bench, already built")
    parser.add_argument("--skip-equality", action="store_true")
    return sys.exit(compare(parser.parse_args()))


if __name__ == "__main__":
    main()
