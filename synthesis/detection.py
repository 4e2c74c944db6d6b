"""Whose is this audio? Looking for our watermark in a file of unknown origin."""

import hashlib
import io
from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.log import record_event
from audit.roles import Role
from consent.intake.sandbox import decode_recording
from synthesis.models import DetectionRun, Render

MAY_DETECT = (
    Role.AUDITOR,
    Role.VOICE_STEWARD,
    Role.SECURITY_REVIEWER,
    Role.POLICY_REVIEWER,
    Role.LEGAL_REVIEWER,
    Role.ADMINISTRATOR,
)


def detect_audio(*, data: bytes, thorough: bool = False, actor: Actor, now: datetime) -> DetectionRun:
    """Look for the watermark and the render it names. Every look is an event; the audio is not kept.

    ``thorough`` also finds marks after changes of speed, tempo and pitch, and takes ten times as long.
    ``render`` of the answer is None both without a mark and with one whose id no render has.

    Raises:
        NotAllowedError: ``access.role_missing``, unless the system itself looks.
        AudioError: ``audio.…``.
    """
    # The detector computes with torch, which the web process, that imports this module, must not load.
    import soundfile

    from synthesis.worker.marks import watermarker

    role = None if actor.person is None else actor.require(*MAY_DETECT)
    decoded = decode_recording(data)
    x, rate = soundfile.read(io.BytesIO(decoded.flac), dtype="float32")
    found = watermarker().detect(x, rate, thorough=thorough)
    with transaction.atomic():
        run = DetectionRun.objects.create(
            sha256=hashlib.sha256(data).hexdigest(),
            seconds=decoded.seconds,
            watermark_id=found.payload,
            render=Render.objects.filter(watermark_id=found.payload).select_related("request", "line").first()
            if found.payload is not None
            else None,
            score=found.score,
            asked_by=actor.person,
            created_at=now,
        )
        record_event(
            action="detection.run",
            actor=actor,
            role=role,
            subject=run,
            payload={
                "audio": run.sha256,
                "watermark_id": run.watermark_id,
                "render": str(run.render_id) if run.render_id else None,
                "score": round(run.score, 3),
            },
            now=now,
        )
    return run
