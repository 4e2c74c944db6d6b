"""Where each role's work is: the menu, and the page a person lands on."""

from typing import NamedTuple

from audit.models import Person
from audit.roles import Role
from synthesis.detection import MAY_DETECT


class Place(NamedTuple):
    url_name: str
    label: str
    icon: str
    roles: frozenset[Role]
    # The first part of the path, by which the menu knows that a page belongs here.
    prefix: str


REVIEWERS = frozenset({Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER, Role.SECURITY_REVIEWER})
READERS_OF_THE_LOG = frozenset({Role.AUDITOR})

# In the order of the menu. Whoever holds several roles lands on the first of their places.
PLACES = (
    Place("reviews", "Reviews", "clipboard-check", REVIEWERS, "reviews"),
    Place("requests", "My requests", "chat-square-quote", frozenset({Role.REQUESTER}), "requests"),
    Place("owners", "Voice owners", "people", frozenset({Role.VOICE_STEWARD}), "owners"),
    Place("my-voice", "My voice", "soundwave", frozenset({Role.VOICE_OWNER}), "my-voice"),
    Place("audit", "Overview", "speedometer2", READERS_OF_THE_LOG, "audit"),
    Place("log", "Event log", "list-ol", READERS_OF_THE_LOG, "log"),
    Place("reports", "Reports", "file-earmark-text", READERS_OF_THE_LOG, "reports"),
    Place("people", "People", "person-gear", frozenset({Role.ADMINISTRATOR}), "people"),
    Place("freezes", "Freezes", "snow", frozenset({Role.ADMINISTRATOR}), "freezes"),
    Place("system", "System", "hdd-stack", frozenset({Role.ADMINISTRATOR}), "system"),
    Place("verify", "Check a clip", "shield-check", frozenset(MAY_DETECT), "verify"),
)


def places_for(roles: frozenset[Role]) -> list[Place]:
    return [place for place in PLACES if roles & place.roles]


def landing_for(person: Person) -> str:
    """The name of the page ``person`` works from; without a role that is their own account page."""
    places = places_for(person.roles)
    return places[0].url_name if places else "account"
