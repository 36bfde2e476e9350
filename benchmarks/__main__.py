"""Every row of the performance table, each script in a process of its own, and one table at the end: `make bench`.

python benchmarks [--all] [--write] [NAME ...]: `--all` measures the extras without a row as well, names choose some
scripts, `--write` keeps the table in benchmarks/RESULTS.md. Ends with 1 where a must was missed or a script failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
from measuring import ROWS_TO, Row, line, syncs_per_second

from unseen_server.db import sqlite

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"
HEADER = ("", "", "must", "goal", "measured", "")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="the extras, too")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {RESULTS.name}")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[[], *_scripts()])
    asked = parser.parse_args()
    names = asked.names or [name for name in _scripts() if asked.all or _numbers(name)]
    begun = time.monotonic()
    rows, failed = _measured(names)
    print(f"\n{line(HEADER)}", *(line(row.cells()) for row in rows), sep="\n")
    print(f"\n{len(names)} scripts in {time.monotonic() - begun:,.0f} s")
    for name in failed:
        print(f"{name} failed")
    if asked.write:
        RESULTS.write_text(_page(rows), encoding="utf-8")
    return 1 if failed or any(row.verdict == "MISSED" for row in rows) else 0


def _scripts() -> list[str]:
    """Those that measure something, by the first row they measure, extras last."""
    names = (
        file.stem for file in FOLDER.glob("*.py") if file != Path(__file__) and "\nif __name__" in file.read_text()
    )
    return sorted(names, key=lambda name: (_numbers(name) or [sys.maxsize], name))


def _numbers(name: str) -> list[int]:
    """The rows that a script is named by: row_05_growth, rows_11_12_leaderboard."""
    return [int(digits) for digits in re.findall(r"_(\d\d)(?=_)", name)] if name.startswith("row") else []


def _measured(names: list[str]) -> tuple[list[Row], list[str]]:
    """The rows in the order of their numbers, and which scripts did not end well."""
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "rows"
        kept.touch()
        for name in names:
            print(f"\n{name}", flush=True)
            environment = {**os.environ, ROWS_TO: str(kept)}
            if subprocess.run([sys.executable, str(FOLDER / f"{name}.py")], env=environment).returncode:
                failed.append(name)
        rows = [Row(**json.loads(text)) for text in kept.read_text(encoding="utf-8").splitlines()]
    return sorted(rows, key=lambda row: row.number or sys.maxsize), failed


def _page(rows: list[Row]) -> str:
    """RESULTS.md: the machine, then the table."""
    told = [f"- {what}: {found}" for what, found in _machine().items()]
    head = ["| # | quantity | must | goal | measured | |", "|---:|---|---:|---:|---:|---|"]
    table = [f"| {' | '.join(row.cells())} |" for row in rows]
    return "\n".join(["# Measured", "", "`make bench` wrote this page.", "", *told, "", *head, *table, ""])


def _machine() -> dict[str, str]:
    gibibytes = psutil.virtual_memory().total / 2**30
    return {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{gibibytes:.0f} GiB",
        "disk": f"{syncs_per_second(FOLDER):,.0f} syncs of 4 KiB a second",
        "system": f"{platform.system()} {platform.release()}",
        "software": f"Python {platform.python_version()}, SQLite {sqlite.driver.sqlite_version}, {_postgres()}",
    }


def _processor() -> str:
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return models[0] if models else platform.machine()


def _postgres() -> str:
    """The version of the server that was measured."""
    import psycopg
    from served import POSTGRES

    try:
        with psycopg.connect(POSTGRES, connect_timeout=3) as connection:
            return f"PostgreSQL {connection.info.server_version // 10000}"
    except psycopg.OperationalError:
        return "no PostgreSQL"


if __name__ == "__main__":
    sys.exit(main())
