"""Reading the log."""

from uuid import UUID

from django.db.models import Model, QuerySet

from audit.log.models import InboxEvent, Leaf


def events_about(subject: Model) -> QuerySet[Leaf]:
    """The subject's story so far, oldest first."""
    return Leaf.objects.filter(subject_type=subject._meta.label_lower, subject_id=subject.pk).order_by("seq")


def subjects_with(action: str) -> set[UUID]:
    """The subjects that have an event of ``action``, whether it is in the log or waits in the inbox."""
    leaves = Leaf.objects.filter(action=action).values_list("subject_id", flat=True)
    pending = InboxEvent.objects.filter(action=action).values_list("subject_id", flat=True)
    return set(leaves.union(pending))


def pending_events() -> int:
    """How many recorded events wait for their place in the log."""
    return InboxEvent.objects.count()
