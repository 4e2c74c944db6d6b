"""Stop signs: one voice, or everything. A freeze stops running lines in seconds and voids grants."""

from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.errors import ConflictError
from audit.log import record_event
from audit.roles import Role
from consent.models import Voice
from consent.owners import is_owner, lock_voice, move_voice
from synthesis.errors import SynthesisError
from synthesis.granting import withdraw_permitted
from synthesis.models import Freeze, VoiceModel

MAY_FREEZE = (Role.ADMINISTRATOR, Role.VOICE_STEWARD, Role.SECURITY_REVIEWER)
MAY_FREEZE_ALL = (Role.ADMINISTRATOR, Role.SECURITY_REVIEWER)


@transaction.atomic
def freeze_voice(*, voice: Voice, reason: str, actor: Actor, now: datetime) -> Freeze:
    """Stop everything this voice says. The owner may, and whoever guards voices.

    Approved requests that are not finished become withdrawn; requests under review wait.

    Raises:
        NotAllowedError: ``access.role_missing``.
        SynthesisError: ``freeze.reason_missing``.
        ConflictError: ``freeze.standing``, ``voice.is_destroyed``.
    """
    voice = lock_voice(voice)
    role = Role.VOICE_OWNER if is_owner(voice.owner, actor) else actor.require(*MAY_FREEZE)
    freeze = _freeze(voice, reason, role, actor, now)
    move_voice(voice, Voice.Status.FROZEN)
    return freeze


@transaction.atomic
def freeze_all(*, reason: str, actor: Actor, now: datetime) -> Freeze:
    """Stop everything every voice says.

    Raises:
        NotAllowedError: ``access.role_missing``.
        SynthesisError: ``freeze.reason_missing``.
        ConflictError: ``freeze.standing``.
    """
    role = actor.require(*MAY_FREEZE_ALL)
    # Every voice is locked, as each single freeze would: no approval slips through beside this one.
    list(Voice.objects.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    return _freeze(None, reason, role, actor, now)


@transaction.atomic
def lift_freeze(*, freeze: Freeze, actor: Actor, now: datetime) -> Freeze:
    """Let a voice, or everything, speak again. What the freeze withdrew stays withdrawn.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``freeze.lifted``.
    """
    role = actor.require(*(MAY_FREEZE if freeze.voice_id else MAY_FREEZE_ALL))
    voice = lock_voice(freeze.voice) if freeze.voice else None
    freeze = Freeze.objects.select_for_update(no_key=True).get(pk=freeze.pk)
    if freeze.lifted_at:
        raise ConflictError("freeze.lifted", "This freeze was lifted already.", "Nothing is left to do.")
    freeze.lifted_at, freeze.lifted_by = now, actor.person
    freeze.save(update_fields=["lifted_at", "lifted_by"])
    if voice is not None and voice.status == Voice.Status.FROZEN:
        ready = VoiceModel.objects.filter(voice=voice, status=VoiceModel.Status.READY).exists()
        move_voice(voice, Voice.Status.READY if ready else Voice.Status.NONE)
    record_event(
        action="freeze.lifted", actor=actor, role=role, subject=freeze, payload=_scope(freeze), now=now
    )
    return freeze


def require_unfrozen(voice: Voice) -> None:
    """Raises SynthesisError ``voice.frozen`` or ``voice.all_frozen``."""
    freeze = Freeze.objects.filter(lifted_at=None, voice=None).first()
    if freeze is not None:
        raise SynthesisError(
            "voice.all_frozen",
            "All speech has been stopped for now.",
            "Wait until an administrator lets it go on.",
        )
    if Freeze.objects.filter(lifted_at=None, voice=voice).exists():
        raise SynthesisError(
            "voice.frozen",
            "This voice has been stopped for now.",
            "Ask the voice steward why, or choose another voice.",
        )


def _freeze(voice: Voice | None, reason: str, role: Role, actor: Actor, now: datetime) -> Freeze:
    if not reason.strip():
        raise SynthesisError("freeze.reason_missing", "A freeze needs a reason.", "Say in a sentence why.")
    if Freeze.objects.filter(voice=voice, lifted_at=None).exists():
        raise ConflictError("freeze.standing", "This is frozen already.", "Nothing is left to do.")
    freeze = Freeze.objects.create(voice=voice, reason=reason.strip(), made_by=actor.person, created_at=now)
    withdraw_permitted(
        voice=voice, code="voice.frozen" if voice else "voice.all_frozen", actor=actor, now=now
    )
    record_event(
        action="freeze.made",
        actor=actor,
        role=role,
        subject=freeze,
        payload=_scope(freeze),
        private={"reason": freeze.reason},
        now=now,
    )
    return freeze


def _scope(freeze: Freeze) -> dict[str, str | None]:
    return {"voice": str(freeze.voice_id) if freeze.voice_id else None}
