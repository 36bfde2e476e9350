"""How long the student's command takes to start, beside an interpreter that does nothing (row 17)."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from measuring import Row, show

ROUNDS = 15
NOTHING = ("-c", "pass")
NOBODY = "http://127.0.0.1:9"  # the port of a service that no machine offers any more
REFUSED = "connection refused"


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / "predictions.csv"
        file.write_text("id,y\n1,2\n", encoding="utf-8")
        environment = {**os.environ, "HOME": home, "UNSEEN_URL": NOBODY, "UNSEEN_TOKEN": "unknown"}
        submit = ("-m", "unseen", "submit", str(file), "lecture")
        told = subprocess.run([sys.executable, *submit], env=environment, capture_output=True, text=True).stderr
        assert REFUSED in told, told
        commands = (("unseen --help", ("-m", "unseen", "--help")), ("unseen submit until its first request", submit))
        for name, arguments in commands:
            pairs = [(cpu_seconds(arguments, environment), cpu_seconds(NOTHING, environment)) for _ in range(ROUNDS)]
            ours, nothing = map(statistics.median, zip(*pairs, strict=True))
            yield Row(17, f"{name} / python -c pass, CPU time", ours / nothing, 15, 8)


def cpu_seconds(arguments: tuple[str, ...], environment: Mapping[str, str]) -> float:
    """Of one interpreter with these arguments, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.DEVNULL
    subprocess.run([sys.executable, *arguments], env=environment, stdout=output, stderr=output)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    show(rows())
