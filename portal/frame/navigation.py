"""Where each role's work is: the menu, and the page a person lands on."""

from typing import NamedTuple

from audit.models import Person
from audit.roles import Role
from synthesis.access import SEE_FREEZES
from synthesis.detection import MAY_DETECT


class Place(NamedTuple):
    """``sections`` are first parts of paths, by which the menu knows that a page belongs here."""

    url_name: str
    label: str
    icon: str
    roles: frozenset[Role]
    sections: tuple[str, ...]


REVIEWERS = frozenset({Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER, Role.SECURITY_REVIEWER})
REQUESTERS = frozenset({Role.REQUESTER})
AUDITORS = frozenset({Role.AUDITOR})
STEWARDS = frozenset({Role.VOICE_STEWARD, Role.AUDITOR})
OWNERS = frozenset({Role.VOICE_OWNER})
ADMINISTRATORS = frozenset({Role.ADMINISTRATOR})

# In the order of the menu. Whoever holds several roles lands on the first of their places.
PLACES = (
    Place("reviews", "Reviews", "clipboard-check", REVIEWERS, ("reviews",)),
    Place("requests", "My requests", "chat-square-quote", REQUESTERS, ("requests",)),
    Place("audit", "Overview", "speedometer2", AUDITORS, ("audit",)),
    Place("log", "Event log", "list-ol", AUDITORS, ("log",)),
    Place("reports", "Reports", "file-earmark-text", AUDITORS, ("reports",)),
    Place("owners", "Voice owners", "people", STEWARDS, ("owners", "voices", "recordings", "consents")),
    Place("my-voice", "My voice", "soundwave", OWNERS, ("my-voice", "consents")),
    Place("people", "People", "person-gear", ADMINISTRATORS, ("people",)),
    Place("freezes", "Freezes", "snow", frozenset(SEE_FREEZES), ("freezes",)),
    Place("system", "System", "hdd-stack", ADMINISTRATORS, ("system",)),
    Place("verify", "Check a clip", "shield-check", frozenset(MAY_DETECT), ("verify",)),
)


def places_for(roles: frozenset[Role]) -> list[Place]:
    return [place for place in PLACES if roles & place.roles]


def landing_for(person: Person) -> str:
    """The name of the page ``person`` works from; without a role that is their own account page."""
    places = places_for(person.roles)
    return places[0].url_name if places else "account"
