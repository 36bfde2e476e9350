"""What the command line says of a submission where public scores are shown on a ladder."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from unseen import tables
from unseen.records import Receipt, Submission

NOW = datetime(2026, 11, 23, 12, 48, tzinfo=UTC)


@pytest.mark.parametrize(
    ("significant", "score", "best", "first_line", "against"),
    [
        (
            True,
            8.5,
            9.0,
            "Submission 7: 8.5 (MSE, lower is better), significant improvement",
            "9.0 (this one -0.5, better)",
        ),
        (False, 8.5, 8.5, "Submission 7: no significant improvement (MSE, lower is better)", "8.5, and it stays"),
        (False, None, None, "Submission 7: not yet better than the baseline (MSE, lower is better)", None),
    ],
)
def test_a_receipt_on_the_ladder_says_its_verdict(significant, score, best, first_line, against, faults, capsys):
    told = {"significant": significant, "public_score": score, "previous_best": best, "improved": significant}
    receipt = Receipt.read({**faults.RECEIPT, **told})
    tables.show_receipt(receipt, "table")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == first_line
    assert [line.split(None, 2)[2] for line in lines if "best before" in line] == ([against] if against else [])
    assert f"significant={significant}" in repr(receipt)


def test_the_list_has_a_verdict_for_every_file_on_the_ladder_alone(capsys):
    told = [(3, False, 8.5), (2, True, 8.5), (1, False, None)]
    sent = [Submission.read({"ref": ref, "significant": yes, "public_score": score}) for ref, yes, score in told]
    tables.show_submissions(sent, "table", NOW)
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert "8.5  no significant improvement" in rows[0]
    assert "8.5  significant improvement" in rows[1]
    assert "–  not yet better than the baseline" in rows[2]
    tables.show_submissions([Submission.read({"ref": 1, "public_score": 8.5})], "table", NOW)
    assert "improvement" not in capsys.readouterr().out
