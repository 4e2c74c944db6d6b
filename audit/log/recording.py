"""Writing an event, in the transaction of the change that it tells of.

A leaf is canonical JSON:

    {"type": "event", "version": 1, "id": UUID, "time": RFC 3339 in UTC,
     "actor": {"kind", "id", "role" or null}, "action": "request.approved",
     "subject": {"type": "synthesis.speechrequest", "id": UUID},
     "payload": {…}, "commitment": hex (only where personal data was kept outside)}

The event waits in the inbox until the sequencer gives it its place in the log.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, models, transaction

from audit.actors import Actor
from audit.log.commitments import keep_private
from audit.log.models import InboxEvent, PersonalData
from audit.merkle.canonical import canonical_bytes
from audit.roles import Role

CHANNEL = "audit_inbox"


def record_event(
    *,
    action: str,
    actor: Actor,
    subject: models.Model,
    payload: Mapping[str, Any],
    now: datetime,
    role: Role | None = None,
    private: Mapping[str, Any] | None = None,
) -> UUID:
    """Record that ``actor`` did ``action`` (dotted, past tense) to ``subject``; return the event's id.

    ``payload`` holds JSON values and no personal data: ids, digests, codes, numbers. Personal data goes
    into ``private``, of which the log keeps a commitment. ``role`` is the role acted in; an actor with
    one role acts in that.

    Raises:
        RuntimeError: outside a transaction, where the event could outlive the change or miss it.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"Record {action} inside transaction.atomic, together with the change itself.")
    if role is None and len(actor.roles) == 1:
        (role,) = actor.roles
    event_id = uuid4()
    leaf: dict[str, Any] = {
        "type": "event",
        "version": 1,
        "id": str(event_id),
        "time": rfc3339(now),
        "actor": {"kind": actor.kind.value, "id": actor.id, "role": role.value if role else None},
        "action": action,
        "subject": {"type": subject._meta.label_lower, "id": str(subject.pk)},
        "payload": dict(payload),
    }
    if private is not None:
        leaf["commitment"] = keep_private(event_id, subject, private)
    InboxEvent.objects.create(
        event_id=event_id,
        body=canonical_bytes(leaf),
        action=action,
        subject_type=subject._meta.label_lower,
        subject_id=subject.pk,
        actor_id=actor.id,
        time=now,
    )
    if all(callback is not wake_sequencer for _, callback, _ in connection.run_on_commit):
        transaction.on_commit(wake_sequencer, robust=True)
    return event_id


def rfc3339(moment: datetime) -> str:
    """``moment`` in UTC to the microsecond, as ``2026-11-02T09:30:00.000000Z``."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def wake_sequencer() -> None:
    """Tell a waiting sequencer that there is work.

    After the commit and not inside the transaction: a NOTIFY holds a lock across its commit that makes
    all writers queue for the disk one by one. A lost call costs nothing but the sequencer's poll interval.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")


@transaction.atomic
def erase_personal_data(*, subject: models.Model, actor: Actor, now: datetime) -> int:
    """Erase what the log's events about ``subject`` keep outside; return of how many events.

    The leaves and every proof over them stay as they are.
    """
    erased, _ = PersonalData.objects.filter(
        subject_type=subject._meta.label_lower, subject_id=subject.pk
    ).delete()
    record_event(
        action="personal_data.erased", actor=actor, subject=subject, payload={"events": erased}, now=now
    )
    return erased
