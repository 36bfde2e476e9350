"""Files kept between two pages of a form."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.installations import Installation

from unseen_server.core.errors import FileTooLarge, NotFound
from unseen_server.services import held


def keep(made: Installation, content: bytes = b"a,b\n1,2\n", who: str = "teacher") -> str:
    principal = made.principal(who)
    return held.keep(made.db, file_name="list.csv", content=content, principal=principal, now=made.now)


def take(made: Installation, name: str, who: str = "teacher") -> held.Held:
    return held.take(made.db, name=name, principal=made.principal(who), now=made.now)


def test_a_held_file_comes_back_as_often_as_it_is_asked_for(installation: Installation) -> None:
    name = keep(installation)
    for _ in range(2):
        assert take(installation, name) == held.Held(name, "list.csv", b"a,b\n1,2\n")


def test_nobody_else_can_take_it_even_with_its_name(installation: Installation) -> None:
    name = keep(installation)
    with pytest.raises(NotFound):
        take(installation, name, "rival")
    held.drop(installation.db, name=name, principal=installation.principal("rival"))
    assert take(installation, name).content


@pytest.mark.parametrize("name", ["", "nothing", "a\0b", "\udc80"])
def test_an_unknown_name_is_told_to_upload_again(installation: Installation, name: str) -> None:
    with pytest.raises(NotFound, match="Upload the file again"):
        take(installation, name)


def test_a_held_file_is_forgotten_after_a_day(installation: Installation) -> None:
    name = keep(installation)
    installation.now += timedelta(days=1)
    with pytest.raises(NotFound):
        take(installation, name)
    other = keep(installation)
    held.drop(installation.db, name=other, principal=installation.principal("teacher"))
    with installation.db.read() as session:
        assert not session.connection().exec_driver_sql("SELECT name FROM held_files").all()


def test_the_oldest_of_many_makes_room(installation: Installation) -> None:
    names = [keep(installation) for _ in range(held.KEPT_OF_EACH + 1)]
    with pytest.raises(NotFound):
        take(installation, names[0])
    assert all(take(installation, name) for name in names[1:])


def test_what_is_too_large_is_refused(installation: Installation) -> None:
    with pytest.raises(FileTooLarge):
        keep(installation, b"\0" * (held.LARGEST + 1))
