"""Mutants: faults that were put into a copy of the code on purpose, each of which the tests have to catch.

python tests/mutants.py            all of them
python tests/mutants.py overflow   those whose name holds the word
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parents[1]
NEEDED = ("server", "client", "baselines", "migrations", "data", "tests", "pyproject.toml", "docs", "README.md")
SECONDS = 600
CAUGHT = 1  # the exit code of pytest where tests failed; another one would mean that none was run

SERVER = "server/unseen_server/"
QUOTA = "tests/faults/test_quota.py::test_parallel_uploads_through_two_processes_never_pass_the_limit"
HISTORIES = "tests/services/test_histories.py"
FAILPOINTS = "tests/faults/test_failpoints.py::test_after_whatever_step_a_process_ends_the_file_counts_once"


@dataclass(frozen=True)
class Mutant:
    """Replacements of text (file, before, after), and the tests of which one at least has to fail."""

    name: str
    changes: Sequence[tuple[str, str, str]]
    tests: Sequence[str]


MUTANTS = (
    Mutant(
        "no lock",
        [
            (SERVER + "db/queries/chains.py", ".with_for_update()", ""),
            (SERVER + "db/queries/competitions.py", "    .with_for_update(read=not exclusively)\n", ""),
            (SERVER + "db/queries/competitions.py", "    .with_for_update(read=True)\n", ""),
            (
                SERVER + "db/queries/teams.py",
                "    .with_for_update(of=Team)\n)\n\n\ndef team_named",
                ")\n\n\ndef team_named",
            ),
        ],
        [QUOTA + "[postgresql]"],
    ),
    Mutant(
        "plain transaction",
        [
            (SERVER + "db/session.py", '"BEGIN IMMEDIATE" if "patience" in options else "BEGIN"', '"BEGIN"'),
            (
                SERVER + "db/session.py",
                "self._queue.turn(patience) if self._queue else nullcontext(patience)",
                "nullcontext(patience)",
            ),
        ],
        [QUOTA + "[sqlite]"],
    ),
    Mutant(
        "cached count",
        [
            (
                SERVER + "services/submit.py",
                "    allowance = teams.allowance(session, competition, team.id, received_at)\n    late",
                (
                    "    counted = teams.allowance(session, competition, team.id, received_at)\n"
                    "    allowance = _counted.setdefault(team.id, counted)\n    late"
                ),
            ),
            (
                SERVER + "services/submit.py",
                "\ndef _locked(",
                "\n_counted: dict[object, limits.Allowance] = {}\n\n\ndef _locked(",
            ),
        ],
        ["tests/services/test_submit.py"],
    ),
    Mutant(
        "private column in a serializer",
        [(SERVER + "services/submissions.py", "    if competition.revealed_at is None:\n        return {}\n", "")],
        [
            "tests/services/test_submit.py",
            "tests/faults/test_secrecy.py::test_two_worlds_that_differ_in_private_labels_answer_alike",
        ],
    ),
    Mutant(
        "somebody else's submission",
        [
            (
                SERVER + "db/queries/submissions.py",
                "Submission.id == ref, TeamMember.user_id == user_id, ",
                "Submission.id == ref, ",
            )
        ],
        ["tests/web/test_permissions.py"],
    ),
    Mutant(
        "no waiting for the disk",
        [(SERVER + "db/sqlite.py", "synchronous=EXTRA", "synchronous=OFF")],
        ["tests/faults/test_power.py", "tests/test_schema.py"],
    ),
    Mutant(
        "no waiting for the disk under objects",
        [(SERVER + "objects.py", "        if self._root:\n", "        if not self._root:\n")],
        ["tests/faults/test_power.py"],
    ),
    Mutant(
        "a file named before its object is there",
        [
            (
                SERVER + "objects.py",
                "_make_durable(self._root, self._root / key)",
                "threading.Timer(1, _make_durable, (self._root, self._root / key)).start()",
            ),
            (SERVER + "objects.py", "import os\n", "import os\nimport threading\n"),
        ],
        ["tests/faults/test_power.py"],
    ),
    Mutant(
        "overflow in the scorer",
        [(SERVER + "core/metrics.py", "LARGEST_MAGNITUDE = 1e70", "LARGEST_MAGNITUDE = 1e200")],
        ["tests/core/test_metrics.py"],
    ),
    Mutant(
        "a withdrawal frees the slot",
        [
            (
                SERVER + "db/queries/submissions.py",
                "Submission.slot >= 0,  # others were given back\n",
                "Submission.slot >= 0, Submission.withdrawn_at.is_(None),\n",
            )
        ],
        [HISTORIES],
    ),
    Mutant(
        "a file that waits is overtaken",
        [
            (
                SERVER + "services/submit.py",
                "if judged and desk and desk.keeps_in_order(",
                "if False and desk.keeps_in_order(",
            )
        ],
        ["tests/services/test_pending.py"],
    ),
    Mutant(
        "a slot that was given back stays used",
        [(SERVER + "services/scoring.py", "    submission.slot = -submission.id\n", "")],
        ["tests/services/test_pending.py"],
    ),
    Mutant(
        "the quota day of another zone",
        [(SERVER + "core/limits.py", "_aware(now).astimezone(checked_zone(time_zone)).date()", "_aware(now).date()")],
        [HISTORIES],
    ),
    Mutant(
        "a retry that counts again",
        [
            (
                SERVER + "services/submit.py",
                "    if earlier is None:\n        return None\n",
                "    if earlier is not None:\n        return None\n",
            )
        ],
        [FAILPOINTS + "[sqlite]", HISTORIES],
    ),
    Mutant(
        "objects that nobody sweeps",
        [(SERVER + "storage.py", "    db.objects.delete(orphans)\n", "")],
        [FAILPOINTS + "[sqlite]"],
    ),
    Mutant(
        "an address that nobody listed",
        [(SERVER + "web/api.py", '@blueprint.get("/health")', '@blueprint.get("/healthy")\n@blueprint.get("/health")')],
        ["tests/web/test_permissions.py::test_every_route_is_in_one_of_the_tables"],
    ),
)


def is_caught(mutant: Mutant, home: Path) -> bool:
    for part in NEEDED:
        copy = shutil.copytree if (TOP / part).is_dir() else shutil.copy
        copy(TOP / part, home / part)
    for file, before, after in mutant.changes:
        text = (home / file).read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise SystemExit(f"{mutant.name}: {file} holds {text.count(before)} times what is replaced:\n{before}")
        (home / file).write_text(text.replace(before, after), encoding="utf-8")
    copied = os.pathsep.join(str(home / part) for part in ("server", "client", "baselines"))
    environment = {name: value for name, value in os.environ.items() if name != "UNSEEN_LONG"} | {
        "PYTHONPATH": copied,
        "UNSEEN_MUTANT": "1",
    }
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode not in (0, CAUGHT):
        raise SystemExit(f"{mutant.name}: the tests did not run\n{done.stdout}{done.stderr}")
    return done.returncode == CAUGHT


def main(words: Sequence[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    sound = Mutant("the code as it is", [], sorted({test for mutant in chosen for test in mutant.tests}))
    wrong = 0
    for mutant in (sound, *chosen):
        with tempfile.TemporaryDirectory() as home:
            caught = is_caught(mutant, Path(home))
        wrong += caught == (mutant is sound)
        print(f"{'caught  ' if caught else 'survived'}  {mutant.name}", flush=True)
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
