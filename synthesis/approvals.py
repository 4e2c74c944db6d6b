"""Decisions: policy first, then legal, then the voice owner where the consent says so.

A decision is a signed record (purpose "decision"), canonical JSON (RFC 8785):

    {"type": "decision", "version": 1, "id": UUID,
     "request": {"id": UUID, "digest": hex, "revision": int}, "consent": hex digest,
     "stage": name, "verdict": name, "reason": text, "acknowledged": [text, …],
     "person": UUID, "role": name, "time": RFC 3339 in UTC}

All rules are enforced here, whatever door a decision comes through:

1. Administrators never decide; everybody else needs the role of the stage.
2. The request waits for this very stage, and its digest is still the one the reviewer was shown. The digest
   is worked out anew from the rows, so that an edited row is noticed.
3. Nobody decides on a request that they made or last edited, and nobody decides twice on one request.
4. Rejecting and asking for changes need a reason. Approving needs every acknowledgement, the pinned consent
   in force, the request within its scope, and no freeze.
5. With the last approval every earlier decision is verified again before a grant is minted.
"""

import secrets
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from audit.actors import Actor
from audit.errors import ConflictError, NotAllowedError, VerificationError, VivaVoceError
from audit.keys import keyring
from audit.log import record_event
from audit.models import Person
from audit.roles import Role
from consent.consents import active_consent
from consent.models import Consent
from consent.owners import is_owner, lock_voice
from consent.scope import Scope
from synthesis.dispatch import dispatch_voice
from synthesis.errors import SynthesisError
from synthesis.freezes import require_unfrozen
from synthesis.granting import mint_render_grant
from synthesis.grants.terms import write_time
from synthesis.models import Decision, Grant, Render, ScriptLine, SpeechRequest
from synthesis.models.requests import Stage
from synthesis.models.states import require_transition
from synthesis.requests.checking import require_scope, sealed_scope
from synthesis.requests.records import request_digest

Status = SpeechRequest.Status
Verdict = Decision.Verdict
MAX_REASON_CHARACTERS = 4_000

# What somebody who approves says they have done. The codes are signed with the decision.
ACKNOWLEDGEMENTS = {
    "read_script": "I have read every line of this script.",
    "checked_scope": "It fits what the owner of the voice agreed to.",
    "no_deception": "It does not deceive its listeners or put words in the owner's mouth.",
}


def decide(
    *,
    request: SpeechRequest,
    stage: str,
    verdict: str,
    reason: str = "",
    digest: str,
    acknowledged: Iterable[str] = (),
    actor: Actor,
    now: datetime,
) -> Decision:
    """Decide on ``request`` as it was shown under ``digest``. The last approval mints the grant.

    A refusal is an event too (``decision.refused``).

    Raises:
        NotAllowedError: ``decision.administrator``, ``access.role_missing``, ``decision.own_request``,
            ``decision.already_decided``, ``decision.not_your_voice``.
        ConflictError: ``decision.not_awaited``, ``decision.request_changed``, ``decision.consent_changed``.
        SynthesisError: ``decision.reason_missing``, ``decision.reason_too_long``,
        ``decision.not_acknowledged``,
            ``voice.frozen``, ``voice.all_frozen``.
        ScopeRefusedError: ``consent.scope.…``.
        VerificationError: ``decision.chain_broken``, or that of a record that does not verify.
    """
    stage, verdict = Stage(stage), Verdict(verdict)
    try:
        with transaction.atomic():
            return _decide(
                request, stage, verdict, reason.strip(), digest, sorted(set(acknowledged)), actor, now
            )
    except VivaVoceError as error:
        with transaction.atomic():
            record_event(
                action="decision.refused",
                actor=actor,
                subject=request,
                payload={
                    "code": error.code,
                    "stage": stage.value,
                    "verdict": verdict.value,
                    "digest": digest,
                },
                now=now,
            )
        raise


def inbox_for(person: Person) -> QuerySet[SpeechRequest]:
    """Requests that wait for a decision that ``person`` may make, oldest first."""
    roles = person.roles
    if Role.ADMINISTRATOR in roles:
        return SpeechRequest.objects.none()
    stages = [stage for stage in (Stage.POLICY, Stage.LEGAL) if stage.role in roles]
    mine = Q(stage__in=stages)
    if Role.VOICE_OWNER in roles:
        mine |= Q(stage=Stage.OWNER, voice__owner__account=person)
    decided = Decision.objects.filter(person=person, dismissed_at=None).values("request")
    return (
        SpeechRequest.objects.filter(mine)
        .exclude(Q(requester=person) | Q(last_edited_by=person) | Q(pk__in=decided))
        .select_related("voice__owner", "requester")
        .order_by("submitted_at")
    )


def stages_of(scope: Scope) -> tuple[Stage, ...]:
    """The stages that a request under this scope goes through, in order."""
    return tuple(Stage) if scope.owner_approves_scripts else (Stage.POLICY, Stage.LEGAL)


def refusal_to_decide(*, request: SpeechRequest, actor: Actor) -> VivaVoceError | None:
    """Why ``actor`` may not decide on ``request`` at its present stage, for a page that explains itself."""
    try:
        _require_awaited(request, request.stage)
        _require_eligible(request, Stage(request.stage), actor)
    except VivaVoceError as error:
        return error
    return None


def _decide(
    request: SpeechRequest,
    stage: Stage,
    verdict: Verdict,
    reason: str,
    digest: str,
    acknowledged: Sequence[str],
    actor: Actor,
    now: datetime,
) -> Decision:
    voice = lock_voice(request.voice)
    consent = _lock_consent(request)
    request = SpeechRequest.objects.select_for_update(no_key=True).get(pk=request.pk)
    _require_awaited(request, stage)
    _require_eligible(request, stage, actor)
    _require_reason(verdict, reason)
    _require_acknowledged(verdict, acknowledged)
    lines = list(request.lines.all())
    scope = sealed_scope(consent)
    _require_unchanged(request, lines, consent, scope, digest)
    if verdict == Verdict.APPROVE:
        require_unfrozen(voice)
        if active_consent(voice, now).pk != request.consent_id:
            raise ConflictError(
                "decision.consent_changed",
                "The consent that this request was submitted under is no longer the one in force.",
                "Ask the requester to submit it again.",
            )
        require_scope(request, text="\n".join(line.text for line in lines), consent=consent, now=now)
    decision = _record_decision(request, stage, verdict, reason, consent, acknowledged, actor, now)
    if verdict == Verdict.APPROVE:
        remaining = stages_of(scope)[stages_of(scope).index(stage) + 1 :]
        if remaining:
            _move(request, Status.IN_REVIEW, remaining[0])
        else:
            _approve(request, lines, consent, scope, actor, now)
    else:
        status = Status.REJECTED if verdict == Verdict.REJECT else Status.CHANGES_REQUESTED
        request.decided_at = now
        _move(request, status, "")
        _record(f"request.{status.value}", request, actor, stage.role, now, {"decision": decision.digest})
    return decision


def _approve(
    request: SpeechRequest,
    lines: Sequence[ScriptLine],
    consent: Consent,
    scope: Scope,
    actor: Actor,
    now: datetime,
) -> None:
    decisions = _verified_approvals(request, stages_of(scope))
    grant = mint_render_grant(
        request=request, lines=lines, decisions=decisions, consent=consent, scope=scope, actor=actor, now=now
    )
    _queue_renders(request, lines, grant, now)
    request.decided_at = now
    _move(request, Status.APPROVED, "")
    _record(
        "request.approved",
        request,
        actor,
        decisions[-1].role,
        now,
        {"digest": request.digest, "decisions": [d.digest for d in decisions], "grant": grant.digest},
    )
    dispatch_voice(voice=request.voice, engine=grant.engine, actor=actor, now=now)


def _verified_approvals(request: SpeechRequest, stages: Sequence[Stage]) -> list[Decision]:
    """One standing approval a stage, each by another person, each signed over the present digest."""
    found = {decision.stage: decision for decision in request.decisions.filter(dismissed_at=None)}
    decisions = [found[stage] for stage in stages if stage in found]
    records = [
        keyring().open_record(
            purpose="decision",
            type="decision",
            payload=bytes(decision.record),
            signature=bytes(decision.signature),
            key_id=decision.key_id,
        )
        for decision in decisions
    ]
    sound = (
        [record["stage"] for record in records] == [stage.value for stage in stages]
        and all(record["verdict"] == Verdict.APPROVE.value for record in records)
        and all(record["request"]["digest"] == request.digest for record in records)
        and len({record["person"] for record in records}) == len(stages)
    )
    if not sound:
        raise VerificationError(
            "decision.chain_broken",
            "The decisions on this request do not add up to an approval.",
            "Tell an auditor, and ask the requester to submit it again.",
        )
    return decisions


def _queue_renders(request: SpeechRequest, lines: Sequence[ScriptLine], grant: Grant, now: datetime) -> None:
    Render.objects.bulk_create(
        [
            Render(request=request, line=line, grant=grant, watermark_id=watermark_id, created_at=now)
            for line, watermark_id in zip(lines, _fresh_watermark_ids(len(lines)), strict=True)
        ],
        batch_size=1000,
    )


def _fresh_watermark_ids(count: int) -> list[int]:
    """Random, so that an id says nothing about how many clips there are."""
    ids: set[int] = set()
    while len(ids) < count:
        drawn = {secrets.randbits(32) for _ in range(count - len(ids))}
        ids |= drawn - set(
            Render.objects.filter(watermark_id__in=drawn).values_list("watermark_id", flat=True)
        )
    return list(ids)


def _lock_consent(request: SpeechRequest) -> Consent:
    consent = Consent.objects.select_for_update(no_key=True).filter(speech_requests=request).first()
    if consent is None:
        raise _not_awaited()
    return consent


def _require_awaited(request: SpeechRequest, stage: str) -> None:
    if not request.stage or request.stage != stage:
        raise _not_awaited()


def _not_awaited() -> ConflictError:
    return ConflictError(
        "decision.not_awaited",
        "This request does not wait for this decision; somebody may have been quicker.",
        "Load the page again to see how it stands.",
    )


def _require_eligible(request: SpeechRequest, stage: Stage, actor: Actor) -> None:
    if Role.ADMINISTRATOR in actor.roles:
        raise NotAllowedError(
            "decision.administrator", "Administrators do not decide on requests.", "Leave it to a reviewer."
        )
    # Before the role: who has decided already is told that, not to ask for another role.
    if actor.person and request.decisions.filter(person=actor.person, dismissed_at=None).exists():
        raise NotAllowedError(
            "decision.already_decided",
            "You decided on this request at another stage.",
            "Leave this stage to another reviewer.",
        )
    actor.require(stage.role)
    if stage == Stage.OWNER and not is_owner(request.voice.owner, actor):
        raise NotAllowedError(
            "decision.not_your_voice", "Only the owner of this voice decides here.", "Leave it to them."
        )
    if actor.person is None:
        return
    if actor.person.pk in (request.requester_id, request.last_edited_by_id):
        raise NotAllowedError(
            "decision.own_request",
            "You made or last edited this request.",
            "Leave the decision to another reviewer.",
        )


def _require_reason(verdict: Verdict, reason: str) -> None:
    if verdict != Verdict.APPROVE and not reason:
        raise SynthesisError(
            "decision.reason_missing",
            "This verdict needs a reason.",
            "Say in a sentence what the requester can change.",
        )
    if len(reason) > MAX_REASON_CHARACTERS:
        raise SynthesisError(
            "decision.reason_too_long",
            f"The reason has {len(reason):,} characters.",
            f"Use at most {MAX_REASON_CHARACTERS:,}.",
        )


def _require_acknowledged(verdict: Verdict, acknowledged: Sequence[str]) -> None:
    if verdict == Verdict.APPROVE and (missing := ACKNOWLEDGEMENTS.keys() - set(acknowledged)):
        raise SynthesisError(
            "decision.not_acknowledged",
            f"Not confirmed: {' '.join(ACKNOWLEDGEMENTS[code] for code in sorted(missing))}",
            "Confirm each of these to approve; reject or ask for changes where one is untrue.",
        )


def _require_unchanged(
    request: SpeechRequest, lines: Sequence[ScriptLine], consent: Consent, scope: Scope, digest: str
) -> None:
    if not digest == request.digest == request_digest(request, lines=lines, consent=consent, scope=scope):
        raise ConflictError(
            "decision.request_changed",
            "The request is no longer the one you were shown.",
            "Load the page again and read what changed.",
        )


def _record_decision(
    request: SpeechRequest,
    stage: Stage,
    verdict: Verdict,
    reason: str,
    consent: Consent,
    acknowledged: Sequence[str],
    actor: Actor,
    now: datetime,
) -> Decision:
    decision_id = uuid.uuid4()
    signed = keyring().sign_record(
        "decision",
        {
            "type": "decision",
            "version": 1,
            "id": str(decision_id),
            "request": {"id": str(request.pk), "digest": request.digest, "revision": request.revision},
            "consent": consent.digest,
            "stage": stage.value,
            "verdict": verdict.value,
            "reason": reason,
            "acknowledged": list(acknowledged),
            "person": actor.id,
            "role": stage.role.value,
            "time": write_time(now),
        },
    )
    decision = Decision.objects.create(
        id=decision_id,
        request=request,
        stage=stage,
        verdict=verdict,
        reason=reason,
        request_digest=request.digest,
        revision=request.revision,
        person=actor.person,
        role=stage.role,
        acknowledged=list(acknowledged),
        record=signed.payload,
        digest=signed.digest,
        signature=signed.signature,
        key_id=signed.key_id,
        created_at=now,
    )
    record_event(
        action="decision.recorded",
        actor=actor,
        role=stage.role,
        subject=decision,
        payload={
            "request": str(request.pk),
            "request_digest": request.digest,
            "stage": stage.value,
            "verdict": verdict.value,
            "digest": signed.digest,
        },
        now=now,
    )
    return decision


def _move(request: SpeechRequest, status: Status, stage: str) -> None:
    require_transition(request, status)
    request.status, request.stage = status, stage
    request.save(update_fields=["status", "stage", "decided_at"])


def _record(
    action: str, request: SpeechRequest, actor: Actor, role: str, now: datetime, payload: dict[str, object]
) -> None:
    record_event(action=action, actor=actor, role=Role(role), subject=request, payload=payload, now=now)
