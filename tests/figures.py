"""The figures the tests have to reach, and the table `make test-long` ends with: what was asked, what was done.

A test bears the mark of its row, `@pytest.mark.figure("quota")`, and tells with the fixture of that name what it has
tried: `figure("trials on sqlite", 200)`. Amounts of one name add up, over tests and over processes.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

LONG = bool(os.environ.get("UNSEEN_LONG"))
TOLD, SEED = "figure", "UNSEEN_SEED"
Tell = Callable[[str, int], None]


@dataclass(frozen=True)
class Row:
    """What is asked, in words and in amounts."""

    asked: str
    amounts: Mapping[str, int]


BOTH = ("sqlite", "postgresql")
RELEASED = len(list((Path(__file__).parents[1] / "migrations" / "versions").glob("*.py")))
ROWS: Mapping[str, Row] = {
    "quota": Row(
        "8 parallel uploads at the limit but one, through real processes: exactly one accepted, the rest 429",
        {f"trials on {kind}": 200 for kind in BOTH},
    ),
    "model": Row(
        "histories of a course against a model in plain Python: no divergence",
        {"runs of 50 steps": 300},
    ),
    "parser": Row(
        "mutated files before both paths and an independent oracle: no fault, no difference of verdict or value",
        {"files": 1_000_000},
    ),
    "score": Row(
        "within 1 ulp of the correctly rounded exact value, the same bits whatever the order of the file's rows",
        {"vectors": 10_000, "files with their rows permuted": 1000},
    ),
    "failpoints": Row(
        "the process ends after each of 7 steps of a submission: none lost, none double, no orphan after the sweep",
        {f"ends on {kind}": 7 * 20 for kind in BOTH},
    ),
    "permissions": Row(
        "every route and method by every kind of person; an unlisted route fails",
        {"routes by persons": 1000},
    ),
    "secrecy": Row(
        "two worlds that differ in private labels alone answer alike; canaries are in no reply, log or file",
        {"requests to both worlds": 500, "forms searched for": 12},
    ),
    "API": Row("requests that Schemathesis makes of the description: no failure", {"requests": 5000}),
    "migrations": Row(
        "every released schema with rows in it, up, down and up again: no difference from models or rows",
        {f"schemas on {kind}": RELEASED for kind in BOTH},
    ),
    "backup": Row(
        "taken under load, restored and compared: all that was acknowledged before is there",
        {f"backups of {kind}": 20 for kind in BOTH},
    ),
    "kill": Row(
        "kill -9 of everything during uploads: what was acknowledged is there, once",
        {f"rounds on {kind}": 20 for kind in BOTH},
    ),
    "nodes": Row(
        "over two servers the limit is exact; nothing acknowledged is lost where servers, workers or PostgreSQL die",
        {
            "trials of the limit": 200,
            "teams at the limit": 200,
            "servers killed": 20,
            "workers killed": 20,
            "restarts of PostgreSQL": 10,
        },
    ),
    "interrupted": Row(
        "kill -9 after every few statements of reveals, corrections, upgrades and backups: all or nothing",
        {"processes killed": 200},
    ),
    "hygiene": Row(
        "branches of quota, phases, parser, scoring, sign-in, submitting and visibility their tests take, per cent",
        {f"covered in {floor}": 100 for floor in ("core", "services")},
    ),
}


def seed_of_this_run() -> str:
    """What chance begins with, the same in all processes of a run; another one in each, unless it is set."""
    return os.environ.setdefault(SEED, str(secrets.randbits(32)))


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Tell:
    """Tell how many of what was tried, for the row whose mark the test bears."""

    def tell(what: str, amount: int) -> None:
        request.node.user_properties.append((TOLD, [what, amount]))

    return tell


@dataclass
class Reached:
    """What the tests of one row came to."""

    tests: int = 0
    failed: int = 0
    amounts: Counter[str] = field(default_factory=Counter)

    def verdict(self, row: Row) -> str:
        if self.failed:
            return "FAILED"
        if not self.tests:
            return "not run"
        return "passed" if all(self.amounts[what] >= amount for what, amount in row.amounts.items()) else "in part"


class Table:
    """Collects what tests tell, wherever they run, and prints the table when all of them have."""

    def __init__(self) -> None:
        self.reached = {name: Reached() for name in ROWS}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = next((value for name, value in report.user_properties if name == "row"), None)
        if row is None or (report.when != "call" and not report.failed):
            return
        reached = self.reached[str(row)]
        reached.failed += report.failed
        if report.when == "call" and not report.skipped:
            reached.tests += 1
            for name, told in report.user_properties:
                if name == TOLD and isinstance(told, list):
                    reached.amounts[told[0]] += told[1]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A whole run that falls short of a figure has failed."""
        whole = session.config.args_source is pytest.Config.ArgsSource.TESTPATHS
        if whole and session.exitstatus == pytest.ExitCode.OK and not self.all_passed():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def all_passed(self) -> bool:
        return all(self.reached[name].verdict(row) == "passed" for name, row in ROWS.items())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(f"figures ({SEED}={seed_of_this_run()})")
        for name, row in ROWS.items():
            reached = self.reached[name]
            done = ", ".join(f"{what} {reached.amounts[what]} of {amount}" for what, amount in row.amounts.items())
            failures = f", failures {reached.failed}" if reached.tests or reached.failed else ""
            terminalreporter.write_line(f"{reached.verdict(row):8} {name:12} {row.asked}")
            terminalreporter.write_line(f"{'':21} {done}{failures}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "figure(row): contributes to this row of the table in tests/figures.py")
    if LONG and not hasattr(config, "workerinput"):
        seed_of_this_run()  # before other processes are begun
        config.pluginmanager.register(Table(), "figures")


def pytest_itemcollected(item: pytest.Item) -> None:
    mark = item.get_closest_marker("figure")
    if mark:
        item.user_properties.append(("row", mark.args[0]))
