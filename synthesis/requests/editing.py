"""The requester's side of a request: draft, revise, submit, cancel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from audit.actors import Actor
from audit.errors import ConflictError, NotAllowedError
from audit.log import record_event
from audit.models import Person
from audit.roles import Role
from consent.access import voices_for_request
from consent.consents import active_consent
from consent.models import Voice
from consent.owners import lock_voice
from consent.vocabulary import CHANNELS, LANGUAGES, PURPOSES, TERRITORIES
from synthesis.errors import SynthesisError
from synthesis.freezes import require_unfrozen
from synthesis.granting import revoke_grants
from synthesis.models import Decision, Grant, Render, ScriptLine, SpeechRequest
from synthesis.models.requests import Stage
from synthesis.models.states import require_transition
from synthesis.requests.checking import require_scope
from synthesis.requests.records import request_digest
from synthesis.requests.script import estimate_seconds, line_digest, normalise_script

Status = SpeechRequest.Status


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """The fields that a requester fills in, checked and tidied."""

    title: str
    purpose: str
    channel: str
    audience: str
    territory: str
    language: str
    note: str
    script: tuple[str, ...]


@transaction.atomic
def draft_request(
    *,
    voice: Voice,
    title: str,
    purpose: str,
    channel: str,
    audience: str,
    territory: str,
    language: str,
    lines: Sequence[str],
    note: str = "",
    actor: Actor,
    now: datetime,
) -> SpeechRequest:
    """Begin a request. Whether it fits the consent is decided at submission.

    Raises:
        NotAllowedError: ``access.role_missing``, ``request.voice_not_offered``.
        ScriptError: see `normalise_script`.
        SynthesisError: ``request.title_missing``, ``request.text_too_long``, ``request.purpose_unknown``,
            ``request.channel_unknown``, ``request.territory_unknown``, ``request.language_unknown``.
    """
    person = _require_requester(actor)
    _require_offered(voice, person)
    wish = _tidy(title, purpose, channel, audience, territory, language, lines, note)
    request = SpeechRequest(
        number=_next_number(), voice=voice, requester=person, created_at=now, status=Status.DRAFT
    )
    _fill(request, wish, person, now)
    request.save(force_insert=True)
    _write_lines(request, wish.script)
    _record("request.drafted", request, actor, now, {"voice": str(voice.pk), "lines": len(wish.script)})
    return request


@transaction.atomic
def revise_request(
    *,
    request: SpeechRequest,
    title: str,
    purpose: str,
    channel: str,
    audience: str,
    territory: str,
    language: str,
    lines: Sequence[str],
    note: str = "",
    voice: Voice | None = None,
    actor: Actor,
    now: datetime,
) -> SpeechRequest:
    """Change a request until it is approved. One under review goes back to draft, its decisions dismissed.

    ``voice`` stays as it is where none is given.

    Raises:
        NotAllowedError: ``access.role_missing``, ``request.not_yours``, ``request.voice_not_offered``.
        ConflictError: ``request.wrong_state``.
        ScriptError, SynthesisError: as `draft_request`.
    """
    person = _require_requester(actor)
    wish = _tidy(title, purpose, channel, audience, territory, language, lines, note)
    request = _lock_own(request, person)
    if request.status != Status.DRAFT:
        require_transition(request, Status.DRAFT)
    if voice is not None and voice.pk != request.voice_id:
        _require_offered(voice, person)
        request.voice = voice
    dismissed = _dismiss_decisions(request, now)
    request.status = Status.DRAFT
    request.stage = ""
    request.revision += 1
    _fill(request, wish, person, now)
    request.save()
    request.lines.all().delete()
    _write_lines(request, wish.script)
    _record(
        "request.revised",
        request,
        actor,
        now,
        {"revision": request.revision, "decisions_dismissed": dismissed},
    )
    return request


@transaction.atomic
def submit_request(*, request: SpeechRequest, actor: Actor, now: datetime) -> SpeechRequest:
    """Hand a request to the reviewers: pins the consent in force and the digest of everything they will read.

    Raises:
        NotAllowedError: ``access.role_missing``, ``request.not_yours``, ``request.voice_not_offered``.
        ConflictError: ``request.wrong_state``, ``request.changed``, ``consent.none_active``,
            ``consent.suspended``.
        ScopeRefusedError: ``consent.scope.…``.
        SynthesisError: ``voice.frozen``, ``voice.all_frozen``.
    """
    person = _require_requester(actor)
    voice = lock_voice(request.voice)
    consent = active_consent(voice, now)
    request = _lock_own(request, person)
    if request.voice_id != voice.pk:
        raise ConflictError(
            "request.changed",
            "The request was changed meanwhile.",
            "Load the page again and submit what it shows.",
        )
    require_transition(request, Status.SUBMITTED)
    _require_offered(voice, person)
    require_unfrozen(voice)
    lines = list(request.lines.all())
    script = normalise_script([line.text for line in lines])
    request.estimated_seconds = estimate_seconds(script)
    scope = require_scope(request, text="\n".join(script), consent=consent, now=now)
    _dismiss_decisions(request, now)
    request.consent = consent
    request.digest = request_digest(request, lines=lines, consent=consent, scope=scope)
    request.status = Status.SUBMITTED
    request.stage = Stage.POLICY
    request.submitted_at = request.updated_at = now
    request.decided_at = None
    request.save()
    _record(
        "request.submitted",
        request,
        actor,
        now,
        {
            "digest": request.digest,
            "revision": request.revision,
            "consent": consent.digest,
            "lines": len(lines),
            "seconds": request.estimated_seconds,
        },
    )
    return request


@transaction.atomic
def cancel_request(*, request: SpeechRequest, actor: Actor, now: datetime) -> SpeechRequest:
    """Give a request up. Lines being spoken stop; clips that are ready stay with the request.

    Raises:
        NotAllowedError: ``access.role_missing``, ``request.not_yours``.
        ConflictError: ``request.wrong_state``.
    """
    person = _require_requester(actor)
    request = _lock_own(request, person)
    require_transition(request, Status.CANCELLED)
    revoke_grants(
        grants=Grant.objects.filter(request=request), code="request.cancelled", actor=actor, now=now
    )
    request.renders.filter(status__in=Render.UNFINISHED).update(
        status=Render.Status.WITHDRAWN, failure_code="request.cancelled"
    )
    request.status = Status.CANCELLED
    request.stage = ""
    request.finished_at = request.updated_at = now
    request.save(update_fields=["status", "stage", "finished_at", "updated_at"])
    _record("request.cancelled", request, actor, now, {"revision": request.revision})
    return request


def _require_requester(actor: Actor) -> Person:
    actor.require(Role.REQUESTER)
    assert actor.person is not None, "requesters sign in"
    return actor.person


def _require_offered(voice: Voice, person: Person) -> None:
    if not voices_for_request(person).filter(pk=voice.pk).exists():
        raise NotAllowedError(
            "request.voice_not_offered",
            "You may not ask for speech in this voice.",
            "Ask the voice steward to open it to you.",
        )


def _lock_own(request: SpeechRequest, person: Person) -> SpeechRequest:
    request = SpeechRequest.objects.select_for_update(no_key=True).get(pk=request.pk)
    if request.requester_id != person.pk:
        raise NotAllowedError(
            "request.not_yours",
            "Only the person who made this request may do that.",
            "Ask them, or make your own.",
        )
    return request


def _tidy(
    title: str,
    purpose: str,
    channel: str,
    audience: str,
    territory: str,
    language: str,
    lines: Sequence[str],
    note: str,
) -> _Wish:
    title, audience, note = title.strip(), audience.strip(), note.strip()
    if not title:
        raise SynthesisError(
            "request.title_missing", "The request has no title.", "Say in a few words what it is."
        )
    for name, text, limit in (("title", title, 200), ("audience", audience, 200), ("note", note, 4000)):
        if len(text) > limit:
            raise SynthesisError(
                "request.text_too_long",
                f"The {name} has {len(text):,} characters.",
                f"Use at most {limit:,}.",
            )
    for name, code, known in (
        ("purpose", purpose, PURPOSES),
        ("channel", channel, CHANNELS),
        ("territory", territory, TERRITORIES),
        ("language", language, LANGUAGES),
    ):
        if code not in known:
            raise SynthesisError(
                f"request.{name}_unknown", f"There is no {name} {code!r}.", "Choose from the list."
            )
    return _Wish(
        title=title,
        purpose=purpose,
        channel=channel,
        audience=audience,
        territory=territory,
        language=language,
        note=note,
        script=normalise_script(lines),
    )


def _fill(request: SpeechRequest, wish: _Wish, person: Person, now: datetime) -> None:
    request.title = wish.title
    request.purpose = wish.purpose
    request.channel = wish.channel
    request.audience = wish.audience
    request.territory = wish.territory
    request.language = wish.language
    request.note = wish.note
    request.estimated_seconds = estimate_seconds(wish.script)
    request.last_edited_by = person
    request.updated_at = now


def _write_lines(request: SpeechRequest, script: Sequence[str]) -> None:
    ScriptLine.objects.bulk_create(
        [
            ScriptLine(request=request, position=position, text=text, sha256=line_digest(text))
            for position, text in enumerate(script, start=1)
        ],
        batch_size=1000,
    )


def _dismiss_decisions(request: SpeechRequest, now: datetime) -> int:
    return Decision.objects.filter(request=request, dismissed_at=None).update(dismissed_at=now)


def _next_number() -> str:
    """R-0001 and on. A sequence may leave gaps, but never gives a number twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('synthesis_request_number')")
        (number,) = cursor.fetchone()
    return f"R-{number:04d}"


def _record(
    action: str, request: SpeechRequest, actor: Actor, now: datetime, payload: dict[str, object]
) -> None:
    record_event(action=action, actor=actor, role=Role.REQUESTER, subject=request, payload=payload, now=now)
