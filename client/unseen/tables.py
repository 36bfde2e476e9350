"""What is shown of each kind of answer: the columns of the tables, the fields of the CSV, and the receipt in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from unseen import words
from unseen.output import Column, write_csv, write_json, write_table
from unseen.records import (
    Account,
    Competition,
    File,
    Final,
    Leaderboard,
    LeaderboardEntry,
    Limits,
    Receipt,
    Record,
    Submission,
)

COMPETITION_FIELDS = (
    *("slug", "title", "course", "phase", "metric", "direction", "starts_at", "deadline", "time_zone", "daily_limit"),
    *("total_limit", "final_submissions", "teams", "rank", "left_today", "url"),
)
FILE_FIELDS = ("name", "size", "sha256", "modified_at", "url")
SUBMISSION_FIELDS = (
    *("ref", "status", "message", "file_name", "sha256", "submitted_at", "public_score", "private_score"),
    *("selected", "late", "significant"),
)
RECEIPT_FIELDS = (
    *SUBMISSION_FIELDS,
    *("competition", "metric", "direction", "previous_best", "improved", "rank", "previous_rank", "teams"),
    *("daily_limit", "used_today", "left_today", "total_limit", "left_total", "resets_at", "time_zone", "replayed"),
)
LIMIT_FIELDS = (
    *("used_today", "left_today", "daily_limit", "used_total", "total_limit", "resets_at", "time_zone"),
    *("deadline", "extra_today"),
)
ENTRY_FIELDS = (
    *("rank", "team", "score", "entries", "last_submission_at", "is_baseline", "tier", "behind_leader"),
    *("tied_with_leader", "rank_interval", "previous_rank", "members"),
)
FINAL_FIELDS = ("refs", "chosen", "final_submissions", "rule")
ACCOUNT_FIELDS = ("username", "display_name", "is_admin", "courses")


def show(
    answer: Record | Sequence[Record],
    form: str,
    fields: Sequence[str],
    table: Callable[[], None],
) -> None:
    """Write one answer or a list of them to standard output, as `form` says: table, csv or json."""
    if form == "table":
        return table()
    if form == "json":
        return write_json(answer.raw if isinstance(answer, Record) else [record.raw for record in answer])
    records = [answer] if isinstance(answer, Record) else answer
    return write_csv(fields, [record.raw for record in records])


def competition_columns(now: datetime) -> list[Column]:
    return [
        Column("competition", lambda c: c.slug),
        Column("title", lambda c: c.title),
        Column("phase", lambda c: c.phase),
        Column("deadline", lambda c: words.relative(c.deadline, now)),
        Column("rank", lambda c: f"{c.rank}/{c.teams}" if c.rank else words.NOTHING, number=True),
        Column("left today", lambda c: words.NOTHING if c.left_today is None else str(c.left_today), number=True),
    ]


def show_competitions(competitions: Sequence[Competition], form: str, now: datetime) -> None:
    columns = competition_columns(now)
    show(competitions, form, COMPETITION_FIELDS, lambda: write_table(columns, competitions))


def file_columns(now: datetime) -> list[Column]:
    return [
        Column("file", lambda f: f.name),
        Column("size", lambda f: words.size(f.size), number=True),
        Column("changed", lambda f: words.relative(f.modified_at, now)),
        Column("sha256", lambda f: (f.sha256 or "")[:12]),
    ]


def show_files(files: Sequence[File], form: str, now: datetime) -> None:
    columns = file_columns(now)
    show(files, form, FILE_FIELDS, lambda: write_table(columns, files))


def submission_columns(submissions: Sequence[Submission], now: datetime) -> list[Column]:
    columns = [
        Column("ref", lambda s: str(s.ref), number=True),
        Column("submitted", lambda s: words.relative(s.submitted_at, now)),
        Column("public", lambda s: words.score(s.public_score), number=True),
        Column("private", lambda s: words.score(s.private_score), number=True),
        Column("", _marks),
        Column("file", lambda s: s.file_name),
        Column("message", lambda s: s.message),
    ]
    if all(s.private_score is None for s in submissions):
        del columns[3]
    if any(s.significant is not None for s in submissions):
        columns.insert(3, Column("", lambda s: words.verdict(s.significant, s.public_score)))
    return columns


def show_submissions(submissions: Sequence[Submission], form: str, now: datetime) -> None:
    columns = submission_columns(submissions, now)
    show(submissions, form, SUBMISSION_FIELDS, lambda: write_table(columns, submissions))


def _marks(submission: Submission) -> str:
    marks = {"final": submission.selected, "late": submission.late, "withdrawn": submission.status == "withdrawn"}
    return ", ".join(mark for mark, true in marks.items() if true)


def show_leaderboard(board: Leaderboard, form: str, now: datetime) -> None:
    if form == "csv":
        return write_csv(ENTRY_FIELDS, [entry.raw for entry in board.entries])
    return show(
        board, form, ENTRY_FIELDS, lambda: write_table(leaderboard_columns(board, now), board.entries, _entry_style)
    )


def _entry_style(entry: LeaderboardEntry) -> str:
    """One's own row is bold, baselines are dim."""
    return "bold" if entry.mine else "dim" if entry.is_baseline else ""


def leaderboard_columns(board: Leaderboard, now: datetime) -> list[Column]:
    """Baselines have a dash for a rank; one's own row has an arrow."""
    columns = [
        Column("rank", lambda e: words.NOTHING if e.rank is None else str(e.rank), number=True),
        Column("", lambda e: ">" if e.mine else ""),
        Column("team", lambda e: f"{e.team} ({e.tier} baseline)" if _needs_mark(e) else e.team),
        Column("score", lambda e: words.score(e.score), number=True),
        Column("entries", lambda e: words.NOTHING if e.is_baseline else str(e.entries), number=True),
        Column("last submission", lambda e: words.relative(e.last_submission_at, now)),
    ]
    if any(e.rank_interval for e in board.entries):
        columns.insert(4, Column("95 % ranks", lambda e: _interval(e.rank_interval), number=True))
    if board.note:
        columns.insert(4, Column("", lambda e: "tied" if e.tied_with_leader else ""))
    if any(e.previous_rank for e in board.entries):
        columns.insert(1, Column("change", _change, number=True))
        columns.pop()  # its scores have all their digits, and nobody hurries any more
    return columns


def _needs_mark(entry: LeaderboardEntry) -> bool:
    return entry.is_baseline and "baseline" not in entry.team.lower()


def _interval(ranks: tuple[int, int] | None) -> str:
    if ranks is None:
        return ""
    return str(ranks[0]) if ranks[0] == ranks[1] else f"{ranks[0]}-{ranks[1]}"


def _change(entry: LeaderboardEntry) -> str:
    """How many places a team rose (+) or fell (-) from the public board to the private one."""
    if entry.rank is None or entry.previous_rank is None:
        return ""
    return f"{entry.previous_rank - entry.rank:+d}" if entry.previous_rank != entry.rank else "="


def board_remarks(board: Leaderboard) -> Iterator[str]:
    """What the table does not say itself."""
    if board.direction:
        yield f"{board.board.capitalize()} board; a {words.plain(board.direction)} score is better."
    if board.note:
        yield words.plain(board.note)


def show_limits(limits: Limits, form: str, now: datetime) -> None:
    show(limits, form, LIMIT_FIELDS, lambda: _pairs(limit_lines(limits, now)))


def limit_lines(limits: Limits | Receipt, now: datetime) -> Iterator[tuple[str, str]]:
    """What is left: `3 of 5, resets 00:00 Asia/Taipei (in 3 h 12 min)`."""
    if limits.left_today is not None:
        when = words.reset(limits.resets_at, limits.resets_at_local, limits.time_zone, now)
        yield "left today", ", ".join(filter(None, (f"{limits.left_today} of {limits.daily_limit}", when)))
    if limits.total_limit is not None:
        left = limits.left_total if isinstance(limits, Receipt) else limits.total_limit - (limits.used_total or 0)
        yield "left in all", f"{left} of {limits.total_limit}"
    if isinstance(limits, Limits) and limits.extended:
        yield "your deadline", words.clock(limits.deadline, limits.time_zone)


def show_final(final: Final, form: str) -> None:
    show(final, form, FINAL_FIELDS, lambda: _pairs(_final_lines(final)))


def _final_lines(final: Final) -> Iterator[tuple[str, str]]:
    yield "final", ", ".join(map(str, final.refs)) or "no submission yet"
    yield "rule", f"Chosen by you, at most {final.final_submissions}." if final.chosen else words.plain(final.rule)


def show_account(account: Account, url: str, form: str, now: datetime) -> None:
    show(account, form, ACCOUNT_FIELDS, lambda: _pairs(_account_lines(account, url, now)))


def _account_lines(account: Account, url: str, now: datetime) -> Iterator[tuple[str, str]]:
    admin = ", administrator" if account.is_admin else ""
    yield "name", words.plain(f"{account.display_name or account.username} ({account.username}{admin})")
    yield "server", url
    for course in account.courses:
        yield "course", words.plain(f"{course.title or course.slug} ({course.slug}), {course.role}")
    if account.token and account.token.scope:
        expiry = f", expires {words.relative(account.token.expires_at, now)}" if account.token.expires_at else ""
        yield "token", words.plain(f"{account.token.name or 'unnamed'}, scope {account.token.scope}{expiry}")


def show_receipt(receipt: Receipt, form: str) -> None:
    show(receipt, form, RECEIPT_FIELDS, lambda: _receipt_in_words(receipt, datetime.now(UTC)))


def _receipt_in_words(receipt: Receipt, now: datetime) -> None:
    print(receipt_heading(receipt))  # noqa: T201
    _pairs(receipt_lines(receipt, now))


def receipt_heading(receipt: Receipt) -> str:
    if receipt.is_pending:
        return f"Submission {receipt.ref}: counts, and is being scored"
    how = words.metric(receipt.metric, receipt.direction)
    verdict = words.verdict(receipt.significant, receipt.public_score)
    told = verdict if receipt.significant is False else words.score(receipt.public_score)
    return f"Submission {receipt.ref}: {told} ({how}){f', {verdict}' if receipt.significant else ''}"


def receipt_lines(receipt: Receipt, now: datetime) -> Iterator[tuple[str, str]]:
    if receipt.late:
        yield "late", "scored, but never ranked"
    if line := _against_best(receipt):
        yield "best before", line
    if receipt.rank is not None:
        yield "rank", f"{receipt.rank} of {receipt.teams}{_moved(receipt.rank, receipt.previous_rank)}"
    if receipt.resets_at is None or receipt.resets_at > now:  # a receipt may be looked at on another day
        yield from limit_lines(receipt, now)
    yield "file", f"{words.plain(receipt.file_name)}, sha256 {receipt.sha256[:12]}"


def _moved(rank: int, before: int | None) -> str:
    if before is None:
        return ""
    if rank == before:
        return ", as before"
    return f", {'up' if rank < before else 'down'} {abs(before - rank)} from {before}"


def _against_best(receipt: Receipt) -> str:
    new, old = receipt.public_score, receipt.previous_best
    if receipt.late or receipt.significant is False:  # whatever it scored, the best stays the best
        return "" if old is None else f"{words.score(old)}, and it stays"
    if old is None:
        return "" if new is None else "none, this is your first score"
    if new is None:
        return words.score(old)
    if new == old:
        return f"{words.score(old)} (this one is the same)"
    verdict = "better" if receipt.improved else "no better"
    return f"{words.score(old)} (this one {words.difference(new, old)}, {verdict})"


def _pairs(lines: Iterable[tuple[str, str]]) -> None:
    for name, value in lines:
        print(f"  {name:<12} {value}")  # noqa: T201
