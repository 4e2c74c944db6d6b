"""Who does something: a person, an owner who came by link, a worker, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from audit.errors import NotAllowedError
from audit.roles import Role

if TYPE_CHECKING:
    from audit.models import Person


class ActorKind(StrEnum):
    PERSON = "person"
    LINK = "link"
    WORKER = "worker"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """The one who acts, with the roles held at that moment.

    ``id`` goes into the event log and so is never personal data: a person's or owner's UUID, else the
    name of the worker or system part. ``name`` is for people to read and stays out of the log.
    """

    kind: ActorKind
    id: str
    name: str
    roles: frozenset[Role] = frozenset()
    person: Person | None = None

    @classmethod
    def from_person(cls, person: Person) -> Actor:
        return cls(ActorKind.PERSON, str(person.pk), person.full_name, person.roles, person)

    @classmethod
    def from_link(cls, owner_id: UUID, name: str) -> Actor:
        """A voice owner without an account, let in by an expiring link."""
        return cls(ActorKind.LINK, str(owner_id), name, frozenset({Role.VOICE_OWNER}))

    @classmethod
    def worker(cls, name: str) -> Actor:
        return cls(ActorKind.WORKER, name, name)

    @classmethod
    def system(cls, name: str) -> Actor:
        return cls(ActorKind.SYSTEM, name, name)

    def require(self, *roles: Role) -> Role:
        """Return the role acted in: the first of ``roles`` that the actor holds.

        Workers and the system hold no role. An operation that they may do says so itself.

        Raises:
            NotAllowedError: ``access.role_missing``.
        """
        for role in roles:
            if role in self.roles:
                return role
        wanted = " or ".join(role.label.lower() for role in roles)
        raise NotAllowedError(
            "access.role_missing",
            f"This needs the role of {wanted}.",
            "Ask an administrator for the role, or a colleague who holds it to do this.",
        )
