"""Who may see which people, events and reports. Pages fetch them only through here."""

from uuid import UUID

from django.db.models import QuerySet

from audit.errors import NotFoundError
from audit.log.models import Leaf
from audit.models import Person, Report
from audit.roles import Role


def people_for(person: Person) -> QuerySet[Person]:
    """Administrators and auditors see everybody, others themselves."""
    people = Person.objects.prefetch_related("groups").order_by("full_name")
    if person.roles & {Role.ADMINISTRATOR, Role.AUDITOR}:
        return people
    return people.filter(pk=person.pk)


def get_person(person: Person, pk: UUID) -> Person:
    """Raises NotFoundError ``person.unknown``."""
    found = people_for(person).filter(pk=pk).first()
    if found is None:
        raise _unknown("person")
    return found


def get_acting_person(pk: UUID | str) -> Person:
    """The person that a process acts for, who was let in by the process that started it.

    Raises NotFoundError ``person.unknown`` also where the account was closed meanwhile.
    """
    found = Person.objects.filter(pk=pk, is_active=True).first()
    if found is None:
        raise _unknown("person")
    return found


def people_in_role(role: Role) -> QuerySet[Person]:
    """Who can be chosen for something that needs ``role``; closed accounts are left out."""
    return Person.objects.filter(groups__name=role.value, is_active=True).order_by("full_name")


def leaves_for(person: Person) -> QuerySet[Leaf]:
    """The log, newest first, for auditors."""
    leaves = Leaf.objects.order_by("-seq")
    return leaves if Role.AUDITOR in person.roles else leaves.none()


def get_leaf(person: Person, seq: int) -> Leaf:
    """Raises NotFoundError ``leaf.unknown``."""
    found = leaves_for(person).filter(seq=seq).first()
    if found is None:
        raise _unknown("leaf")
    return found


def reports_for(person: Person) -> QuerySet[Report]:
    reports = Report.objects.select_related("made_by")
    return reports if Role.AUDITOR in person.roles else reports.none()


def get_report(person: Person, pk: UUID) -> Report:
    """Raises NotFoundError ``report.unknown``."""
    found = reports_for(person).filter(pk=pk).first()
    if found is None:
        raise _unknown("report")
    return found


def _unknown(kind: str) -> NotFoundError:
    return NotFoundError(
        f"{kind}.unknown", f"There is no such {kind}, or none that you may see.", "Check the address."
    )
