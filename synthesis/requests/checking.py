"""Holding a request against the consent: while typing, at submission, at each decision and on the worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from audit.errors import VivaVoceError
from consent.consents import active_consent, verify_consent_record
from consent.models import Consent, Voice
from consent.scope import Scope, ScopeFinding, check_scope
from synthesis.errors import ScriptError, SynthesisError
from synthesis.freezes import require_unfrozen
from synthesis.models import Render, SpeechRequest
from synthesis.requests.script import estimate_seconds, normalise_script


class ScopeRefusedError(SynthesisError):
    """The request does not fit the consent. ``findings`` holds every dimension, allowed or not."""

    def __init__(self, findings: Sequence[ScopeFinding]) -> None:
        failed = [finding for finding in findings if not finding.ok]
        super().__init__(
            failed[0].code,
            " ".join(finding.message for finding in failed),
            "Change the request, or ask the voice steward for a wider consent.",
        )
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCheck:
    """How a request stands at this moment. ``refusal`` is what would stop it from being submitted."""

    findings: tuple[ScopeFinding, ...]
    characters: int
    seconds: int
    seconds_left: float | None  # under the consent, before this request; None without a consent
    refusal: VivaVoceError | None

    @property
    def ok(self) -> bool:
        return self.refusal is None


def check_request(
    *,
    voice: Voice,
    purpose: str,
    channel: str,
    territory: str,
    language: str,
    lines: Sequence[str],
    now: datetime,
    request: SpeechRequest | None = None,
) -> RequestCheck:
    """What a requester sees while typing. Raises nothing: the first refusal is part of the answer.

    ``request`` is the saved request that these fields belong to; what it reserves is not counted against it.
    """
    refusal: VivaVoceError | None = None
    findings: list[ScopeFinding] = []
    seconds_left = None
    try:
        script = normalise_script(lines)
    except ScriptError as error:
        script, refusal = tuple(lines), error
    try:
        require_unfrozen(voice)
        consent = active_consent(voice, now)
        scope = sealed_scope(consent)
    except VivaVoceError as error:
        refusal = refusal or error
    else:
        used = seconds_used(consent, except_for=request)
        seconds_left = max(0.0, scope.max_seconds_total - used)
        findings = check_scope(
            scope,
            purpose=purpose,
            channel=channel,
            territory=territory,
            language=language,
            seconds=estimate_seconds(script),
            seconds_used=used,
            text="\n".join(script),
            now=now,
        )
        if refusal is None and not all(finding.ok for finding in findings):
            refusal = ScopeRefusedError(findings)
    return RequestCheck(
        findings=tuple(findings),
        characters=sum(map(len, script)),
        seconds=estimate_seconds(script),
        seconds_left=seconds_left,
        refusal=refusal,
    )


def require_scope(request: SpeechRequest, *, text: str, consent: Consent, now: datetime) -> Scope:
    """The sealed scope of ``consent``, once ``request`` with this text fits all of it.

    Raises:
        ScopeRefusedError: ``consent.scope.…`` of the first dimension that fails.
        VerificationError: the consent's record does not verify.
    """
    scope = sealed_scope(consent)
    findings = check_scope(
        scope,
        purpose=request.purpose,
        channel=request.channel,
        territory=request.territory,
        language=request.language,
        seconds=request.estimated_seconds,
        seconds_used=seconds_used(consent, except_for=request),
        text=text,
        now=now,
    )
    if not all(finding.ok for finding in findings):
        raise ScopeRefusedError(findings)
    return scope


def sealed_scope(consent: Consent) -> Scope:
    """The scope as the owner signed it: read from the verified record, never from the row's own columns."""
    return Scope.from_json(verify_consent_record(consent)["scope"])


def seconds_used(consent: Consent, *, except_for: SpeechRequest | None = None) -> float:
    """Speech under ``consent`` in seconds: what was released, and what approved requests still may take."""
    others = SpeechRequest.objects.filter(consent=consent)
    if except_for is not None:
        others = others.exclude(pk=except_for.pk)
    pending = others.filter(status__in=SpeechRequest.PERMITTED)
    # A pending request counts as a whole, so its clips that are ready already must not count again.
    released = Render.objects.filter(
        ready_at__isnull=False, request__in=others.exclude(status__in=SpeechRequest.PERMITTED)
    )
    reserved: int = pending.aggregate(sum=Sum("estimated_seconds", default=0))["sum"]
    spoken: float = released.aggregate(sum=Sum("voice_seconds", default=0.0))["sum"]
    return reserved + spoken
