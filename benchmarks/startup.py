"""How long the student's command takes to start, beside an interpreter that does nothing (row 17)."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

ROUNDS = 7
NOTHING = ("-c", "pass")
COMMANDS = {"unseen --help": ("-m", "unseen", "--help"), "unseen submit --help": ("-m", "unseen", "submit", "--help")}


def cpu_seconds(*arguments: str) -> float:
    """Of one interpreter with these arguments, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    for name, arguments in COMMANDS.items():
        pairs = [(cpu_seconds(*arguments), cpu_seconds(*NOTHING)) for _ in range(ROUNDS + 1)][1:]
        ours, nothing = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{f'17 {name} / python -c pass':68} {'15x':>6} {'8x':>6} {f'{ours / nothing:.1f}x':>9}")


if __name__ == "__main__":
    main()
