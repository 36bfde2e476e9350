"""The hidden answer keys, read once per version and kept in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unseen_server.core.predictions import Expected
from unseen_server.core.splits import AnswerKey
from unseen_server.db import queries
from unseen_server.db.models import AnswerKeyVersion, Competition
from unseen_server.db.session import Database
from unseen_server.services.kept import Kept

KEPT = 64  # answer keys held in memory at most


@dataclass(frozen=True)
class LoadedKey:
    """One version of a key, and what a prediction file for it must look like."""

    version: int
    answers: AnswerKey
    expected: Expected


class KeyRing:
    """Keys by competition and version. A version never changes, so what was read once stays true."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._keys: Kept[tuple[int, int], LoadedKey] = Kept(KEPT)

    def of(self, competition: Competition) -> LoadedKey:
        """The key that counts for the competition as given."""
        return self._keys.of((competition.id, competition.key_version), lambda: self._read(competition))

    def _read(self, competition: Competition) -> LoadedKey:
        with self._db.read() as session:
            row = queries.competitions.answer_key(session, competition.id, competition.key_version)
        answers = unpacked(competition, row)
        expected = Expected(
            ids=answers.ids,
            id_column=answers.id_column,
            target_column=answers.target_column,
            bounds=(competition.lower_bound, competition.upper_bound),
        )
        return LoadedKey(row.version, answers, expected)


def packed(answers: AnswerKey) -> dict[str, bytes]:
    """The key as columns of its table."""
    return {
        "ids": "\n".join(answers.ids).encode(),
        "labels": answers.labels.astype("<f8").tobytes(),
        "usage": answers.usage.astype(np.uint8).tobytes(),
    }


def unpacked(competition: Competition, row: AnswerKeyVersion) -> AnswerKey:
    return AnswerKey(
        id_column=competition.id_column,
        target_column=competition.target_column,
        ids=tuple(row.ids.decode().split("\n")),
        labels=np.frombuffer(row.labels, dtype="<f8").astype(np.float64),
        usage=np.frombuffer(row.usage, dtype=np.uint8),
    )
