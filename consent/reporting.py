"""What this app hands to the audit: its section of the report, its signed records, its invariants."""

from collections.abc import Iterator

from django.db.models import Q

from audit.frameworks import Period
from audit.log.invariants import register_invariant
from audit.log.queries import subjects_with
from audit.reports import Figure, Record, Section, register_records, register_section
from consent.models import Consent, Receipt, Recording, VaultKey
from consent.scope import describe_scope


def register_all() -> None:
    register_section("consents", consents_section)
    register_records("consent", consent_records)
    register_invariant("every sealed consent has its event", sealed_without_event)
    register_invariant("every ended consent has its event", ended_without_event)
    register_invariant("every recording was added by an event", recordings_without_event)
    register_invariant("every destroyed voice key has its event", destroyed_without_event)


def consents_section(period: Period) -> Section:
    """Consents signed or ended in the period, or in force in it."""
    found = list(
        Consent.objects.filter(signed_at__lt=period.end)
        .filter(Q(ended_at=None) | Q(ended_at__gte=period.start))
        .select_related("voice")
        .order_by("signed_at")
    )
    signed = sum(each.signed_at >= period.start for each in found)
    withdrawn = sum(each.status == Consent.Status.WITHDRAWN for each in found)
    return Section(
        title="Consents",
        columns=("Consent", "Version", "State", "Signed", "Until", "Allows", "Digest"),
        rows=[
            (
                str(each.pk),
                each.version,
                each.get_status_display(),
                each.signed_at,
                each.valid_until,
                " ".join(clause.sentence for clause in describe_scope(each.scope)[:2]),
                each.digest,
            )
            for each in found
        ],
        figures=(
            Figure("Signed", signed),
            Figure("Withdrawn", withdrawn),
            Figure("In force", sum(each.status in Consent.IN_FORCE for each in found)),
        ),
        note="Consents that held at some time of the period. Owners are named in the records alone.",
    )


def consent_records(period: Period) -> Iterator[Record]:
    """Consents and the receipts of their ends: the same key signs both."""
    for each in Consent.objects.filter(signed_at__lt=period.end).order_by("signed_at"):
        yield Record(str(each.pk), bytes(each.record), bytes(each.signature), each.key_id)
    for each in Receipt.objects.filter(created_at__lt=period.end).order_by("created_at"):
        yield Record(str(each.pk), bytes(each.record), bytes(each.signature), each.key_id)


def sealed_without_event() -> Iterator[str]:
    known = subjects_with("consent.signed")
    for pk in Consent.objects.exclude(status__in=Consent.UNSEALED).values_list("pk", flat=True):
        if pk not in known:
            yield f"Consent {pk} is sealed, but no event says that it was signed."


def ended_without_event() -> Iterator[str]:
    for status in (Consent.Status.WITHDRAWN, Consent.Status.EXPIRED, Consent.Status.SUPERSEDED):
        known = subjects_with(f"consent.{status}")
        for pk in Consent.objects.filter(status=status).values_list("pk", flat=True):
            if pk not in known:
                yield f"Consent {pk} is {status}, but no event says so."


def recordings_without_event() -> Iterator[str]:
    known = subjects_with("recording.added")
    for pk in Recording.objects.values_list("pk", flat=True):
        if pk not in known:
            yield f"Recording {pk} is there, but no event says that it was added."


def destroyed_without_event() -> Iterator[str]:
    known = subjects_with("vault.voice_destroyed")
    destroyed = VaultKey.objects.filter(realm=VaultKey.Realm.MATERIAL).exclude(destroyed_at=None)
    for pk in destroyed.values_list("voice_id", flat=True):
        if pk not in known:
            yield f"The key of voice {pk} was destroyed, but no event says so."
