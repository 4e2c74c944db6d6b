from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from audit.actors import Actor
from audit.log import record_event
from audit.models import Person
from audit.people import create_person
from audit.roles import Role
from tests.conftest import NOW

Record = Callable[..., list[UUID]]


@pytest.fixture
def auditor(db: None, now: datetime) -> Person:
    return make_auditor(now)


@pytest.fixture
def record(auditor: Person) -> Record:
    """Record so many events about the auditor; return their ids."""
    return partial(record_events, auditor)


def make_auditor(now: datetime) -> Person:
    return create_person(
        email="anna@example.org",
        full_name="Anna Prüfer",
        roles=[Role.AUDITOR],
        password=None,
        actor=Actor.system("tests"),
        now=now,
    )


def record_events(person: Person, count: int = 1, **changes: Any) -> list[UUID]:
    fields = {
        "action": "person.signed_in",
        "actor": Actor.from_person(person),
        "subject": person,
        "now": NOW,
    } | changes
    with transaction.atomic():
        return [record_event(**({"payload": {"n": n}} | fields)) for n in range(count)]


@contextmanager
def triggers_off() -> Iterator[CursorWrapper]:
    """What an attacker with the database's superuser password can do."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
        finally:
            cursor.execute("SET session_replication_role = DEFAULT")
