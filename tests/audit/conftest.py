from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from audit.actors import Actor
from audit.log import record_event
from audit.models import Person
from audit.people import create_person
from audit.roles import Role

Record = Callable[..., list[UUID]]


@pytest.fixture
def auditor(db: None, now: datetime) -> Person:
    return create_person(
        email="anna@example.org",
        full_name="Anna Prüfer",
        roles=[Role.AUDITOR],
        password=None,
        actor=Actor.system("tests"),
        now=now,
    )


@pytest.fixture
def record(auditor: Person, now: datetime) -> Record:
    """Record so many events about the auditor; return their ids."""

    def events(count: int = 1, **changes: Any) -> list[UUID]:
        fields = {
            "action": "person.signed_in",
            "actor": Actor.from_person(auditor),
            "subject": auditor,
            "now": now,
        } | changes
        with transaction.atomic():
            return [record_event(**({"payload": {"n": n}} | fields)) for n in range(count)]

    return events


@contextmanager
def triggers_off() -> Any:
    """What an attacker with the database's superuser password can do."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield cursor
        finally:
            cursor.execute("SET session_replication_role = DEFAULT")
