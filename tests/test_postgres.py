"""What one test leaves in a database on PostgreSQL, the next one does not find."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from tests.postgres import administer, new_postgres

from unseen_server.db.models import Course
from unseen_server.db.session import Database
from unseen_server.services import courses


def courses_with_one_more(url: str) -> list[int]:
    with closing(Database(url)) as db, db.write() as session:
        courses.add_course(session, "ml", title="ML", time_zone="UTC", now=datetime.now(UTC), actor="test")
        return list(session.scalars(select(Course.id)))


@pytest.mark.slow
def test_a_database_is_put_right_for_the_next_test(postgres_server: str, postgres_template: str) -> None:
    with new_postgres(postgres_server, postgres_template) as url:
        first = courses_with_one_more(url)
    with new_postgres(postgres_server, postgres_template) as again:
        assert again == url
        assert courses_with_one_more(again) == first == [1]  # and numbers begin anew


@pytest.mark.slow
def test_a_database_of_another_shape_is_left_to_nobody(postgres_server: str, postgres_template: str) -> None:
    with new_postgres(postgres_server, postgres_template) as url:
        administer(url, "ALTER TABLE courses ADD COLUMN more text")
    with new_postgres(postgres_server, postgres_template) as another:
        assert another != url
