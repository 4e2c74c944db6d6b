"""Who may see which request and hear which clip. What you may not see does not exist for you.

Requesters see what they asked for; reviewers every request that was ever submitted; owners what was submitted
for their voice; stewards, auditors and administrators every one that was submitted. Clips are heard by the
requester, the voice's owner, stewards and auditors, never by administrators.
"""

from typing import TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from audit.errors import NotFoundError
from audit.models import Person
from audit.roles import Role
from consent.access import voices_for
from synthesis.models import Decision, Freeze, Render, SpeechRequest, VoiceModel

SEE_SUBMITTED = {
    Role.POLICY_REVIEWER,
    Role.LEGAL_REVIEWER,
    Role.SECURITY_REVIEWER,
    Role.VOICE_STEWARD,
    Role.AUDITOR,
    Role.ADMINISTRATOR,
}
HEAR_CLIPS = {Role.VOICE_STEWARD, Role.AUDITOR}

M = TypeVar("M", bound=Model)


def requests_for(person: Person) -> QuerySet[SpeechRequest]:
    requests = SpeechRequest.objects.select_related("voice__owner", "requester")
    submitted = Q(submitted_at__isnull=False)
    seen = submitted if person.roles & SEE_SUBMITTED else submitted & Q(voice__owner__account=person)
    return requests.filter(seen | Q(requester=person))


def renders_for(person: Person) -> QuerySet[Render]:
    """Clips that ``person`` may hear, whatever state they are in."""
    renders = Render.objects.select_related("request__voice", "line", "object")
    if person.roles & HEAR_CLIPS:
        return renders
    return renders.filter(Q(request__requester=person) | Q(request__voice__owner__account=person))


def voice_models_for(person: Person) -> QuerySet[VoiceModel]:
    return VoiceModel.objects.filter(voice__in=voices_for(person)).select_related("voice")


def get_detection(person: Person, pk: UUID | str) -> DetectionRun:
    """A look for the watermark that ``person`` had made. Raises NotFoundError ``detection.unknown``."""
    runs = DetectionRun.objects.filter(asked_by=person)
    return _get(runs.select_related("render__request__voice", "render__line"), pk, "detection")


def freezes_for(person: Person) -> QuerySet[Freeze]:
    return Freeze.objects.filter(Q(voice=None) | Q(voice__in=voices_for(person))).select_related("voice")


def get_request(person: Person, pk: UUID | str) -> SpeechRequest:
    """Raises NotFoundError ``request.unknown``."""
    return _get(requests_for(person), pk, "request")


def get_render(person: Person, pk: UUID | str) -> Render:
    """Raises NotFoundError ``render.unknown``."""
    return _get(renders_for(person), pk, "render")


def get_voice_model(person: Person, pk: UUID | str) -> VoiceModel:
    """Raises NotFoundError ``voice_model.unknown``."""
    return _get(voice_models_for(person), pk, "voice_model")


def get_freeze(person: Person, pk: UUID | str) -> Freeze:
    """Raises NotFoundError ``freeze.unknown``."""
    return _get(freezes_for(person), pk, "freeze")


def decisions_on(request: SpeechRequest) -> QuerySet[Decision]:
    """Every decision on a request that the caller may see, the dismissed ones too, oldest first."""
    return request.decisions.select_related("person")


def _get(rows: QuerySet[M], pk: UUID | str, kind: str) -> M:
    try:
        return rows.get(pk=pk)
    except (rows.model.DoesNotExist, ValidationError):
        noun = kind.replace("_", " ")
        raise NotFoundError(
            f"{kind}.unknown", f"There is no such {noun}, or none that you may see.", "Check the address."
        ) from None
