"""Databases on PostgreSQL: copies of a template, each put right again for the next test rather than made anew."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.exc import DBAPIError

# To make a database and drop it takes ten times as long, above all where several processes of tests do.
_spare: defaultdict[tuple[str, str], list[str]] = defaultdict(list)  # by server and template

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
SHAPE = """
SELECT md5(string_agg(part, ' ' ORDER BY part)) FROM (
    SELECT format('%s %s %s %s', table_name, ordinal_position, column_name, data_type) AS part
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tgname || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal
) AS parts
"""
KEEP = f"""
CREATE SCHEMA kept;
DO $$ DECLARE name text; BEGIN
    FOR name IN {TABLES} LOOP EXECUTE format('CREATE TABLE kept.%1$I AS TABLE public.%1$I', name); END LOOP;
END $$;
CREATE VIEW kept.shape AS {SHAPE};
CREATE TABLE kept.shape_then AS TABLE kept.shape;
CREATE TABLE kept.sequences_then AS SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public';
"""
PUT_RIGHT = f"""
DO $$ DECLARE name text; last bigint; BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    FOR name IN {TABLES} LOOP
        EXECUTE format('DELETE FROM public.%I', name);
        EXECUTE format('INSERT INTO public.%1$I SELECT * FROM kept.%1$I', name);
    END LOOP;
    FOR name, last IN SELECT sequencename, last_value FROM kept.sequences_then LOOP
        PERFORM setval(format('public.%I', name)::regclass, coalesce(last, 1), last IS NOT NULL);
    END LOOP;
END $$;
"""
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@contextmanager
def new_postgres(server: str, template: str) -> Iterator[str]:
    """The address of a database that is like the template."""
    spare = _spare[server, template]
    name = spare.pop() if spare else _copied(server, template)
    yield beside(server, name)
    if _is_put_right(beside(server, name)):
        spare.append(name)
    else:
        drop(server, name)


def _copied(server: str, template: str) -> str:
    name = f"unseen_test_{uuid.uuid4().hex[:12]}"
    administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    administer(beside(server, name), "DROP SCHEMA IF EXISTS kept CASCADE")  # of a template that is a copy itself
    administer(beside(server, name), KEEP)
    return name


def _is_put_right(url: str) -> bool:
    """Unless the test has changed more than rows, or nobody may here."""
    try:
        with _connected(url) as connection:
            connection.exec_driver_sql(END_OTHERS)
            if connection.exec_driver_sql("TABLE kept.shape EXCEPT TABLE kept.shape_then").all():
                return False
            connection.exec_driver_sql(PUT_RIGHT)
    except DBAPIError:
        return False
    return True


def drop_spares(server: str) -> None:
    for (where, _), names in _spare.items():
        while where == server and names:
            drop(server, names.pop())


def drop(server: str, name: str) -> None:
    administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def administer(url: str, statement: str) -> None:
    with _connected(url) as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        connect_args={"connect_timeout": 3},
    )
    try:
        with engine.connect() as connection:
            yield connection.execution_options(no_parameters=True)
    finally:
        engine.dispose()


def beside(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)
