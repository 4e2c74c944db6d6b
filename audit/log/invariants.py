"""What must hold between the log and the tables of the apps above.

A Merkle tree shows that no event was changed or removed; it cannot show that one was never written. So
each app registers, in its ``AppConfig.ready()``, how its rows and their events must agree.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction

# Yields one plain sentence for each violation.
Invariant = Callable[[], Iterable[str]]

_invariants: dict[str, Invariant] = {}


def register_invariant(name: str, check: Invariant) -> None:
    """Have ``verify_log`` run ``check``. ``subjects_with(action)`` finds the subjects that have an event.

    Raises:
        RuntimeError: the name is taken.
    """
    if name in _invariants:
        raise RuntimeError(f"There is an invariant {name!r} already.")
    _invariants[name] = check


def broken_invariants() -> Iterator[tuple[str, str]]:
    """The name of each broken invariant with each sentence about it."""
    with _snapshot():
        for name, check in _invariants.items():
            for sentence in check():
                yield name, sentence


@contextmanager
def _snapshot() -> Iterator[None]:
    """One moment of the database for all checks, so that work in progress does not look like a fault."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_outermost:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
