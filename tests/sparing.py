"""What thousands of short-lived applications in one process may share, or leave undone, without answering otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import argon2
import sqlalchemy
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from unseen_server.services import passwords

SERVERS_HASHER = passwords._hasher
# A hash names its own parameters, so that servers in processes of their own take these as well.
QUICK_HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

_compile_builder, _compile = Rule._compile_builder, Rule.compile


class CompiledTemplates(BytecodeCache):
    """Templates are compiled once in this process; a template whose text changed has another checksum."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


class _Builder:
    """Compiled at its first use: 384 functions of an application cost more than most tests, and few are called."""

    def __init__(self, rule: Rule, append_unknown: bool) -> None:
        self._rule, self._append_unknown = rule, append_unknown
        self._built: Callable[..., tuple[str, str]] | None = None

    def __get__(self, rule: Rule, owner: object) -> _Builder:
        return self

    def __call__(self, **values: Any) -> tuple[str, str]:
        if self._built is None:
            self._built = _compile_builder(self._rule, self._append_unknown).__get__(self._rule, None)
        return self._built(**values)


def builder_when_needed(rule: Rule, append_unknown: bool = True) -> _Builder:
    return _Builder(rule, append_unknown)


_compiled: dict[tuple[object, ...], dict[str, Any]] = {}


def compile_once(rule: Rule) -> None:
    """What a rule's text means is the same in every application."""
    text = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes)
    if text not in _compiled:
        _compile(rule)
        _compiled[text] = {name: vars(rule)[name] for name in ("_parts", "_trace", "_converters", "arguments")}
    vars(rule).update(_compiled[text] | {"arguments": rule.arguments | _compiled[text]["arguments"]})
    rule._build = builder_when_needed(rule, False)
    rule._build_unknown = builder_when_needed(rule, True)


# SQLAlchemy keeps the statements that it has compiled by dialect: those of databases of one kind are alike.

_statements: LRUCache[Any, Any] = LRUCache(20_000)


def _kind(dialect: DefaultDialect) -> tuple[object, ...]:
    return type(dialect), dialect.dbapi, dialect.server_version_info


def same_kind(dialect: DefaultDialect, other: object) -> bool:
    return dialect is other or (isinstance(other, DefaultDialect) and _kind(dialect) == _kind(other))


def hash_of_kind(dialect: DefaultDialect) -> int:
    return hash(type(dialect))


def engine_with_compiled_statements(*where: Any, **options: Any) -> Engine:
    engine = sqlalchemy.create_engine(*where, **options)
    engine._compiled_cache = _statements
    return engine
