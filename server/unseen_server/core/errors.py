"""Everything that can be refused, as one tree, with the sentence the person reads.

Refusal
├── BadRequest              the request itself makes no sense
├── BadFile                 a prediction file with problems, each with its line
│   └── RefusedAfterwards   one that had been accepted unread
├── BadBundle               a competition folder with problems
│   └── BadSolution         a corrected solution.csv with problems
├── UnsupportedFile         neither .csv, .csv.gz nor .zip
├── FileTooLarge
├── NotSignedIn
├── WrongPassword
├── Forbidden
│   ├── BadCsrfToken
│   ├── TokenScopeTooSmall
│   ├── NotEnrolled
│   └── StaffOnly
├── NotFound                also for what belongs to somebody else
├── DeadLink                a one-time link that was used, has expired or never was one
├── UnknownJoinCode
├── UnknownDeviceCode
├── NotLetIn                a program that waits to be let in through the browser (RFC 8628)
│   ├── AuthorizationPending
│   ├── SlowDown
│   ├── AccessDenied
│   └── ExpiredToken
├── Conflict
│   ├── NameTaken
│   ├── NotOpenYet
│   ├── DeadlinePassed
│   └── WrongPhase
├── KeyReused               an idempotency key with another body
├── LimitReached
│   ├── DailyLimitReached
│   ├── TotalLimitReached
│   ├── TooManyRejected
│   └── TooManyAttempts
├── Unreachable             another server that is needed did not do its part: mail, single sign-on
├── Busy                    try again in a moment; nothing was counted
│   ├── NewerLog            another program uses a log of SQLite's that the library here cannot safely share
│   └── OutcomeUnknown      the database broke off while it committed, and has not come back to be asked
└── StorageFull

Each class has a `code` (stable, for programs) and a `template` (a sentence, for people). Values fill the template, so
that a sentence can be translated before it is filled (core/sentences; a value may be a Sentence itself); those named in
`members` also appear as fields of the reply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from unseen_server.core import sentences
from unseen_server.core.sentences import N_, Sentence


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file: what, in which line, for which id, and how to mend it."""

    code: str
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    line: int | None = None
    id: str | None = None

    @property
    def sentence(self) -> Sentence:
        return Sentence(self.template, self.values)

    @property
    def message(self) -> str:
        return str(self.sentence)


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """A definite no. Nothing was counted, and the sentence says what to do next."""

    code: ClassVar[str]
    template: ClassVar[str]
    members: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **values: Any) -> None:
        self.values = values
        super().__init__(self.template.format(**values))

    @property
    def sentence(self) -> Sentence:
        return Sentence(self.template, self.values)

    @property
    def problems(self) -> Sequence[Problem]:
        return ()

    def member_values(self) -> dict[str, Any]:
        return {name: self.values[name] for name in self.members}


class BadRequest(Refusal):
    code = "bad_request"
    template = "{reason}"


class _WithProblems(Refusal):
    def __init__(self, problems: Sequence[Problem], counts: Mapping[str, int] | None = None, **values: Any) -> None:
        self._problems = tuple(problems)
        self.counts = dict(counts or {})
        super().__init__(first=self._problems[0].sentence if self._problems else "", **values)

    @property
    def problems(self) -> Sequence[Problem]:
        return self._problems


class BadFile(_WithProblems):
    """`counts` holds how many problems of each code there are; `problems` at most 20 of each."""

    code = "bad_file"
    template = N_("The file was not accepted and cost no submission. {first}")


class RefusedAfterwards(BadFile):
    """A large file that was accepted unread, and refused when a worker read it, for a `reason` in full."""

    template = "{reason}"

    @classmethod
    def unpacked(cls, kept: Mapping[str, Any]) -> RefusedAfterwards:
        """From what `packed` made of the refusal."""
        found = [
            Problem(one["code"], one["template"], sentences.unpacked(one).values, one["line"], one["id"])
            for one in kept["problems"]
        ]
        return cls(found, kept["counts"], reason=sentences.unpacked(kept["sentence"]))


def packed(sentence: Sentence, refusal: Refusal | None = None) -> dict[str, Any]:
    """Why a file is refused, as JSON, with every problem that the refusal found in it."""
    problems = refusal.problems if refusal else ()
    return {
        "sentence": sentences.packed(sentence),
        "counts": refusal.counts if isinstance(refusal, BadFile) else {},
        "problems": [
            {"code": problem.code, "line": problem.line, "id": problem.id, **sentences.packed(problem.sentence)}
            for problem in problems
        ],
    }


class BadBundle(_WithProblems):
    code = "bad_bundle"
    template = N_("The competition folder is not ready. {first}")


class BadSolution(BadBundle):
    code = "bad_solution"
    template = N_("The corrected answers were not taken, and nothing was changed. {first}")


class UnsupportedFile(Refusal):
    code = "unsupported_file"
    template = N_(
        "{file_name} is not a prediction file this competition reads. "
        "Upload a .csv, a .csv.gz, or a .zip holding one .csv."
    )


class FileTooLarge(Refusal):
    code = "file_too_large"
    template = N_("The file is larger than the {limit} allowed here, counted after unpacking. {advice}")


class NotSignedIn(Refusal):
    code = "not_signed_in"
    template = N_("Sign in first: run `unseen login`, or send a valid token in the Authorization header.")


class WrongPassword(Refusal):
    code = "wrong_password"
    template = N_(
        "That name and password do not belong together. "
        "Check both and try again, or ask your course staff to reset the password."
    )


class Forbidden(Refusal):
    code = "forbidden"
    template = "{reason}"


class BadCsrfToken(Forbidden):
    code = "bad_csrf_token"
    template = N_("The form was too old to be trusted. Go back, reload the page and send it again.")


class TokenScopeTooSmall(Forbidden):
    code = "token_scope"
    template = N_(
        "This token may not do that: it has the scope “{scope}” and “{needed}” is needed. "
        "Make another token with that scope."
    )


class NotEnrolled(Forbidden):
    code = "not_enrolled"
    template = N_(
        "You are not enrolled in {course}, the course this competition belongs to. "
        "Ask its staff to put you on the list."
    )


class StaffOnly(Forbidden):
    code = "staff_only"
    template = N_("Only {who} of {course} can do that.")


class NotFound(Refusal):
    code = "not_found"
    template = N_("There is no {what} here. {advice}")


class DeadLink(Refusal):
    code = "dead_link"
    template = N_(
        "This link no longer works: it was used, it has expired, or a newer one was made. "
        "If you have a password, sign in with it; else ask your course staff for a new link."
    )


class UnknownJoinCode(Refusal):
    code = "unknown_join_code"
    template = N_(
        "No course can be joined with this code. "
        "Check it letter by letter, or ask your course staff for the present one."
    )


class UnknownDeviceCode(Refusal):
    code = "unknown_device_code"
    template = N_(
        "Nothing waits for this code: it is mistyped, was answered already, or is older than ten minutes. "
        "Check it letter by letter, or start again where it was shown."
    )


class NotLetIn(Refusal):
    """A program that asked to be let in through the browser is not, or not yet; the codes are those of RFC 8628."""


class AuthorizationPending(NotLetIn):
    code = "authorization_pending"
    template = N_("Nobody has confirmed this log-in yet. Ask again after the interval.")


class SlowDown(NotLetIn):
    code = "slow_down"
    template = N_("You ask too often. Wait five seconds longer from now on.")


class AccessDenied(NotLetIn):
    code = "access_denied"
    template = N_("This log-in was refused in the browser. No token was made.")


class ExpiredToken(NotLetIn):
    code = "expired_token"
    template = N_("This log-in is over: it was not confirmed in time, or its token was already given. Start again.")


class Conflict(Refusal):
    code = "conflict"
    template = "{reason}"


class NameTaken(Conflict):
    code = "name_taken"
    template = N_(
        "This user name or e-mail address is taken. If it is yours, sign in and enter the code again; "
        "else choose another one."
    )


class NotOpenYet(Conflict):
    code = "not_open_yet"
    template = N_("This competition has not started yet. It opens {starts}.")
    members = ("starts_at",)


class DeadlinePassed(Conflict):
    code = "deadline_passed"
    template = N_("The deadline was {deadline}, and this competition takes no late submissions. {advice}")
    members = ("deadline_at",)


class WrongPhase(Conflict):
    code = "wrong_phase"
    template = N_("The competition is {phase}, and {action} is possible only while it is {needed}.")
    members = ("phase",)


class KeyReused(Refusal):
    code = "idempotency_key_reused"
    template = N_(
        "This Idempotency-Key was already used for submission {ref} with another file or message. "
        "Send the new file with a new key."
    )
    members = ("ref",)


class LimitReached(Refusal):
    """A limit that a person meets; `retry_after` (seconds) and `resets_at` are None where waiting does not help."""

    code = "limit_reached"
    template = "{reason}"
    members: ClassVar[tuple[str, ...]] = ("resets_at", "retry_after")


class DailyLimitReached(LimitReached):
    code = "daily_limit_reached"
    template = N_("You have used all {daily_limit} submissions for today. The count resets at {resets}, in {wait}.")
    members = ("resets_at", "retry_after", "daily_limit")


class TotalLimitReached(LimitReached):
    code = "total_limit_reached"
    template = N_(
        "You have used all {total_limit} submissions of this competition. "
        "Choose your final submissions among those you have."
    )
    members = ("resets_at", "retry_after", "total_limit")


class TooManyRejected(LimitReached):
    code = "too_many_rejected"
    template = N_(
        "{limit} files were rejected within an hour, so uploads pause for {wait}. "
        "No submission was used. Compare the file with sample_submission.csv meanwhile."
    )


class TooManyAttempts(LimitReached):
    code = "too_many_attempts"
    template = N_("Too many attempts. Wait {wait} and try again.")


class Unreachable(Refusal):
    code = "unreachable"
    template = "{reason}"


class Busy(Refusal):
    code = "busy"
    template = N_(
        "The server is busy right now and nothing was counted. "
        "Try again in a few seconds; repeating the request is safe."
    )


class OutcomeUnknown(Busy):
    code = "outcome_unknown"
    template = N_(
        "The server lost its database at the last step and cannot tell whether that step was taken. "
        "Look in a minute, before you do it again; a file sent again with the same Idempotency-Key counts once."
    )


class NewerLog(Busy):
    code = "newer_log"
    template = N_(
        "Another program has the database open with a newer SQLite than the one here, which cannot share its log. "
        "Stop that program, or install pysqlite3 here as it is there."
    )


class StorageFull(Refusal):
    code = "storage_full"
    template = N_(
        "The server cannot store anything right now; nothing was counted. Tell the course staff that its disk is full."
    )
