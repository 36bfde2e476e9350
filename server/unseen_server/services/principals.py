"""Who is asking: a person, their role in each course, and what they may do with the token or browser they came with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core.errors import StaffOnly, TokenScopeTooSmall
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Course, User

SCOPES = ("read", "submit", "staff")  # each includes those before it


@dataclass(frozen=True)
class Principal:
    """Who is asking: a person, their role in each course by its id, and what their token lets them do."""

    user_id: int
    username: str
    display_name: str
    is_admin: bool
    roles: Mapping[int, str]
    scope: str
    token_name: str | None = None
    token_expires_at: datetime | None = None
    language: str | None = None

    def role_in(self, course_id: int) -> str | None:
        return "instructor" if self.is_admin else self.roles.get(course_id)

    def is_staff_of(self, course_id: int) -> bool:
        return self.scope == "staff" and self.role_in(course_id) in ("assistant", "instructor")

    @property
    def is_staff(self) -> bool:
        """Whether the console has anything for this person."""
        return self.scope == "staff" and (
            self.is_admin or not {"assistant", "instructor"}.isdisjoint(self.roles.values())
        )

    def need_scope(self, needed: str) -> None:
        if SCOPES.index(self.scope) < SCOPES.index(needed):
            raise TokenScopeTooSmall(scope=self.scope, needed=needed)

    def need_staff(self, course: Course) -> None:
        """Assistants and instructors of the course, with a scope that goes as far."""
        if self.role_in(course.id) not in ("assistant", "instructor"):
            raise StaffOnly(who=say("the staff"), course=course.title)
        self.need_scope("staff")

    def need_instructor(self, course: Course) -> None:
        if self.role_in(course.id) != "instructor":
            raise StaffOnly(who=say("an instructor"), course=course.title)
        self.need_scope("staff")

    def need_admin(self) -> None:
        if not self.is_admin:
            raise StaffOnly(who=say("an administrator"), course=say("this server"))
        self.need_scope("staff")

    def need_instructor_somewhere(self) -> None:
        if not self.is_admin and "instructor" not in self.roles.values():
            raise StaffOnly(who=say("an instructor"), course=say("a course"))
        self.need_scope("staff")


# Who acts on the server's own command line.
SERVER = Principal(user_id=0, username="server", display_name="server", is_admin=True, roles={}, scope="staff")


def principal_for(session: Session, user: User, roles: Mapping[int, str] | None = None) -> Principal:
    """Somebody who came without a token, and may do all that they may.

    Their `roles` are looked up where they are not given.
    """
    return Principal(
        user_id=user.id,
        username=user.username,
        display_name=user.display_name,
        is_admin=user.is_admin,
        roles=queries.people.role_by_course(session, user.id) if roles is None else roles,
        scope="staff",
        language=user.language,
    )
