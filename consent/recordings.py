"""Recordings of a voice: taking them in, judging them, removing them, and whether there are enough."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import PurePosixPath

from django.db import transaction

from audit.actors import Actor
from audit.errors import ConflictError
from audit.log import record_event
from audit.roles import Role
from consent import vault
from consent.conf import needed_speech_seconds
from consent.errors import AudioError
from consent.intake.sandbox import Decoded, decode_recording, refusal
from consent.models import Recording, VaultObject, Voice
from consent.owners import lock_voice, require_living, require_owner_or_steward
from consent.tasks import check_recording

Status = Recording.Status


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about a voice's recordings, and what to do about it."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a voice can be learned: seconds of speech there are and are needed, pauses not counted."""

    ok: bool
    seconds: float
    needed: float
    findings: list[Finding]


def add_recording(
    *, voice: Voice, data: bytes, filename: str, actor: Actor, now: datetime, transcript: str = ""
) -> Recording:
    """Take a recording in. What can be told at once is told at once; who speaks is heard by a task.

    Decoding happens before the transaction. A refusal is an event and leaves nothing else behind.

    Raises:
        NotAllowedError: ``access.role_missing``.
        AudioError: as `consent.intake.sandbox.decode_recording`, and ``audio.duplicate``.
        ConflictError: ``voice.is_destroyed``.
    """
    role = require_owner_or_steward(voice.owner, actor)
    require_living(voice)
    try:
        decoded = decode_recording(data)
        return _keep(voice, decoded, filename, transcript, actor, role, now)
    except AudioError as error:
        with transaction.atomic():
            record_event(
                action="recording.refused",
                actor=actor,
                role=role,
                subject=voice,
                payload={"code": error.code, "bytes": len(data)},
                now=now,
            )
        raise


@transaction.atomic
def _keep(
    voice: Voice, decoded: Decoded, filename: str, transcript: str, actor: Actor, role: Role, now: datetime
) -> Recording:
    voice = lock_voice(voice)
    require_living(voice)
    obj = vault.store_object(voice=voice, purpose=VaultObject.Purpose.RECORDING, data=decoded.flac, now=now)
    live = voice.recordings.filter(status__in=(Status.CHECKING, Status.ACCEPTED))
    if live.filter(sha256=obj.sha256).exists():
        raise refusal("audio.duplicate")
    recording = Recording.objects.create(
        voice=voice,
        object=obj,
        original_name=PurePosixPath(filename.replace("\\", "/")).name[:200] or "recording",
        sha256=obj.sha256,
        seconds=decoded.seconds,
        sample_rate=decoded.sample_rate,
        channels=decoded.channels,
        loudness_lufs=decoded.loudness_lufs,
        clipping_share=decoded.clipping_share,
        transcript=transcript.strip(),
        uploaded_by=actor.person,
        created_at=now,
    )
    record_event(
        action="recording.added",
        actor=actor,
        role=role,
        subject=recording,
        payload={
            "voice": str(voice.pk),
            "sha256": recording.sha256,
            "milliseconds": round(recording.seconds * 1000),
        },
        now=now,
    )
    transaction.on_commit(partial(check_recording.delay, str(recording.pk)))
    return recording


@transaction.atomic
def judge_recording(
    *,
    recording: Recording,
    speech_share: float,
    speaker_consistency: float | None,
    refusal_code: str,
    actor: Actor,
    now: datetime,
) -> Recording:
    """Accept a recording that was listened to, or refuse it (by a ``refusal_code``) and destroy its audio.

    A recording that is no longer being checked stays as it is: the task may be delivered twice.
    """
    voice = lock_voice(recording.voice)
    recording = Recording.objects.select_for_update().select_related("object").get(pk=recording.pk)
    if recording.status != Status.CHECKING:
        return recording
    recording.voice = voice
    recording.status = Status.REFUSED if refusal_code else Status.ACCEPTED
    recording.refusal_code = refusal_code
    recording.speech_share = speech_share
    recording.speaker_consistency = speaker_consistency
    if refusal_code:
        recording.transcript = ""
        vault.destroy_object(recording.object, now)
    recording.save(
        update_fields=["status", "refusal_code", "speech_share", "speaker_consistency", "transcript"]
    )
    record_event(
        action=f"recording.{recording.status}",
        actor=actor,
        subject=recording,
        payload={
            "voice": str(voice.pk),
            "sha256": recording.sha256,
            "code": refusal_code,
            "speech_per_mille": round(speech_share * 1000),
        },
        now=now,
    )
    return recording


@transaction.atomic
def remove_recording(*, recording: Recording, actor: Actor, now: datetime) -> Recording:
    """Destroy a recording's audio; the row stays and says that it was here.

    Raises:
        NotAllowedError: ``access.role_missing``.
        ConflictError: ``recording.is_<status>``.
    """
    voice = lock_voice(recording.voice)
    role = require_owner_or_steward(voice.owner, actor)
    recording = Recording.objects.select_for_update().select_related("object").get(pk=recording.pk)
    if Status.REMOVED not in Recording.TRANSITIONS[recording.status]:
        raise ConflictError(
            f"recording.is_{recording.status}",
            f"This recording is {recording.get_status_display().lower()}; there is nothing left to remove.",
            "Reload the page.",
        )
    recording.voice = voice
    recording.status = Status.REMOVED
    recording.transcript = ""
    recording.save(update_fields=["status", "transcript"])
    vault.destroy_object(recording.object, now)
    record_event(
        action="recording.removed",
        actor=actor,
        role=role,
        subject=recording,
        payload={"voice": str(voice.pk), "sha256": recording.sha256},
        now=now,
    )
    return recording


def recordings_ready(voice: Voice) -> Readiness:
    """Whether the accepted recordings hold enough speech to learn the voice from, and what is still open."""
    recordings = list(voice.recordings.all())
    accepted = [each for each in recordings if each.status == Status.ACCEPTED]
    waiting = sum(each.status == Status.CHECKING for each in recordings)
    seconds, needed = sum(each.speech_seconds for each in accepted), needed_speech_seconds()
    findings = []
    if seconds < needed:
        findings.append(
            Finding(
                "recordings.too_little_speech",
                f"There are {seconds:.0f} seconds of speech; {needed:.0f} are needed, 30 to 60 are better.",
                "Add recordings.",
            )
        )
    if waiting:
        findings.append(
            Finding(
                "recordings.being_checked",
                f"{waiting} recording{'' if waiting == 1 else 's'} still being listened to.",
                "Wait a moment.",
            )
        )
    return Readiness(ok=seconds >= needed, seconds=seconds, needed=needed, findings=findings)
