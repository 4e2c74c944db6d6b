"""The people of the demo organisation. All are invented; their password is public on purpose."""

from dataclasses import dataclass
from datetime import datetime

from audit.actors import Actor
from audit.models import Person
from audit.people import create_person
from audit.roles import Role

PASSWORD = "viva-voce-demo"  # noqa: S105 - the demo is served on loopback only
DOMAIN = "northlight.example"


@dataclass(frozen=True)
class DemoPerson:
    """``shown`` people are printed at start-up, one for each role."""

    login: str
    full_name: str
    role: Role
    time_zone: str
    shown: bool = True

    @property
    def email(self) -> str:
        return f"{self.login}@{DOMAIN}"


PEOPLE = (
    DemoPerson("mira", "Mira Solberg", Role.REQUESTER, "Europe/Oslo"),
    DemoPerson("jonas", "Jonas Weber", Role.REQUESTER, "Europe/Berlin", shown=False),
    DemoPerson("priya", "Priya Nair", Role.POLICY_REVIEWER, "Europe/London"),
    DemoPerson("daniel", "Daniel Okafor", Role.LEGAL_REVIEWER, "Europe/London"),
    DemoPerson("hana", "Hana Kim", Role.SECURITY_REVIEWER, "Europe/Berlin"),
    DemoPerson("lucia", "Lucía Marín", Role.VOICE_STEWARD, "Europe/Madrid"),
    DemoPerson("elin", "Elin Dahl", Role.VOICE_OWNER, "Europe/Oslo"),
    DemoPerson("theo", "Theo Brandt", Role.AUDITOR, "Europe/Berlin"),
    DemoPerson("sam", "Sam Carter", Role.ADMINISTRATOR, "Europe/London"),
)


def demo_person(entry: DemoPerson) -> Person:
    """The loaded person. Raises Person.DoesNotExist before ``load_demo``."""
    return Person.objects.get(email=entry.email)


def find_person(entry: DemoPerson) -> Person | None:
    return Person.objects.filter(email=entry.email).first()


def create_people(*, now: datetime) -> dict[str, Person]:
    """Make everybody; returns them by login."""
    system = Actor.system("demo")
    return {
        entry.login: create_person(
            email=entry.email,
            full_name=entry.full_name,
            roles=[entry.role],
            password=PASSWORD,
            time_zone=entry.time_zone,
            actor=system,
            now=now,
        )
        for entry in PEOPLE
    }
