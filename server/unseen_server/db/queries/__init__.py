"""Every question put to the database, each named by its answer.

audit         who did what
boards        who stands where, and what the reveal ranks
chains        the chained receipts of a competition, and the keys that receipts were signed with
competitions  competitions with their keys, pages, files, baselines and announcements
courses       courses, by what they are called by
extensions    what was granted to one student
jobs          long work, and who does it
people        who there is: people, their roles in courses, and what they uploaded but did not confirm
received      submissions as the staff see them: found, filtered, counted
signing_in    how people get in: sessions, tokens, links, devices, single sign-on, failed attempts
submissions   submissions, their scores, and what counts against a limit
teams         teams, their members and invitations
uploads       uploads in two steps
"""

from unseen_server.db.queries import (
    audit,
    boards,
    chains,
    competitions,
    courses,
    extensions,
    jobs,
    people,
    received,
    signing_in,
    submissions,
    teams,
    uploads,
)

__all__ = [
    "audit",
    "boards",
    "chains",
    "competitions",
    "courses",
    "extensions",
    "jobs",
    "people",
    "received",
    "signing_in",
    "submissions",
    "teams",
    "uploads",
]
