"""Who may see which requests, clips, voice models and freezes. Pages fetch them only through here.

A draft is its requester's alone. What was submitted is seen by reviewers, stewards, auditors, and the owner
of the voice. Clips are heard by whoever asked for them, by the owner of the voice and by auditors.
"""

from typing import TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from audit.errors import NotFoundError
from audit.models import Person
from audit.roles import Role
from consent.access import voices_for
from synthesis.models import DetectionRun, Freeze, Render, SpeechRequest, VoiceModel

SEE_REQUESTS = {
    Role.POLICY_REVIEWER,
    Role.LEGAL_REVIEWER,
    Role.SECURITY_REVIEWER,
    Role.VOICE_STEWARD,
    Role.AUDITOR,
}
SEE_FREEZES = {Role.ADMINISTRATOR, Role.VOICE_STEWARD, Role.SECURITY_REVIEWER, Role.AUDITOR}

M = TypeVar("M", bound=Model)


def requests_for(person: Person) -> QuerySet[SpeechRequest]:
    """The requests that ``person`` may read, newest first."""
    requests = SpeechRequest.objects.all()
    submitted = Q(submitted_at__isnull=False)
    if person.roles & SEE_REQUESTS:
        return requests.filter(Q(requester=person) | submitted)
    return requests.filter(Q(requester=person) | Q(voice__owner__account=person) & submitted)


def get_request(person: Person, pk: UUID | str) -> SpeechRequest:
    """Raises NotFoundError ``request.unknown``."""
    related = ("voice__owner", "requester", "consent__voice__owner")
    return _get(requests_for(person).select_related(*related), pk, "request")


def renders_for(person: Person) -> QuerySet[Render]:
    """The clips that ``person`` may hear."""
    renders = Render.objects.select_related("request__voice__owner", "line")
    if Role.AUDITOR in person.roles:
        return renders
    return renders.filter(Q(request__requester=person) | Q(request__voice__owner__account=person))


def get_render(person: Person, pk: UUID | str) -> Render:
    """Raises NotFoundError ``render.unknown``."""
    return _get(renders_for(person), pk, "render")


def may_hear(person: Person, request: SpeechRequest) -> bool:
    """Whether the clips of a request that ``person`` may read are theirs to hear."""
    theirs = person.pk in (request.requester_id, request.voice.owner.account_id)
    return theirs or Role.AUDITOR in person.roles


def voice_models_for(person: Person) -> QuerySet[VoiceModel]:
    """The models of the voices that ``person`` may see, newest first."""
    return VoiceModel.objects.filter(voice__in=voices_for(person)).select_related("voice")


def get_voice_model(person: Person, pk: UUID | str) -> VoiceModel:
    """Raises NotFoundError ``voice_model.unknown``."""
    return _get(voice_models_for(person), pk, "voice_model")


def freezes_for(person: Person) -> QuerySet[Freeze]:
    """Freezes, newest first, for those who guard voices."""
    freezes = Freeze.objects.select_related("voice", "made_by", "lifted_by")
    return freezes if person.roles & SEE_FREEZES else freezes.none()


def get_freeze(person: Person, pk: UUID | str) -> Freeze:
    """Raises NotFoundError ``freeze.unknown``."""
    return _get(freezes_for(person), pk, "freeze")


def detections_for(person: Person) -> QuerySet[DetectionRun]:
    """What ``person`` had examined; for auditors, what anybody had."""
    runs = DetectionRun.objects.select_related("render__request", "render__line", "asked_by")
    return runs if Role.AUDITOR in person.roles else runs.filter(asked_by=person)


def get_detection(person: Person, pk: UUID | str) -> DetectionRun:
    """Raises NotFoundError ``detection.unknown``."""
    return _get(detections_for(person), pk, "detection")


def _get(rows: QuerySet[M], pk: UUID | str, kind: str) -> M:
    try:
        return rows.get(pk=pk)
    except (rows.model.DoesNotExist, ValidationError):
        noun = kind.replace("_", " ")
        raise NotFoundError(
            f"{kind}.unknown", f"There is no such {noun}, or none that you may see.", "Check the address."
        ) from None
