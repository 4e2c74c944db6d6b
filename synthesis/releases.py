"""Giving out clips. Each time the clip, the consent and the freezes are looked at anew."""

import hashlib
from datetime import datetime

from django.db import transaction

from audit.actors import Actor
from audit.errors import VerificationError
from audit.log import record_event
from consent import vault
from consent.models import Consent
from synthesis.errors import SynthesisError
from synthesis.freezes import require_unfrozen
from synthesis.models import Render
from synthesis.requests.checking import sealed_scope


def open_clip(*, render: Render, download: bool = False, actor: Actor, now: datetime) -> tuple[bytes, str]:
    """A released clip's bytes and media type; being heard or downloaded is an event.

    The caller has fetched ``render`` through `access.get_render`.

    Raises:
        SynthesisError: ``clip.not_ready``, ``clip.consent_ended``, ``clip.consent_suspended``,
            ``voice.frozen``, ``voice.all_frozen``.
        VerificationError: ``clip.altered``, or that of a consent that does not verify.
        VaultError: ``vault.destroyed``, ``vault.tampered``.
    """
    render = Render.objects.select_related("request__voice", "request__consent", "object").get(pk=render.pk)
    if render.status != Render.Status.READY or render.object is None:
        raise SynthesisError(
            "clip.not_ready",
            f"There is no clip to hear: it is {render.get_status_display().lower()}.",
            "Look at the request to see why.",
        )
    require_unfrozen(render.request.voice)
    assert render.request.consent is not None, "a request with clips has a consent, by constraint"
    _require_consent_allows(render.request.consent, now)
    data = vault.read_object(render.object)
    if hashlib.sha256(data).hexdigest() != render.sha256:
        raise VerificationError(
            "clip.altered", "The stored clip is not the one that was released.", "Tell an auditor."
        )
    with transaction.atomic():
        record_event(
            action="clip.downloaded" if download else "clip.played",
            actor=actor,
            subject=render,
            payload={"clip": render.sha256, "request": str(render.request_id)},
            now=now,
        )
    return data, render.media


def _require_consent_allows(consent: Consent, now: datetime) -> None:
    """A consent in force allows; a suspended one does not; one that ended allows what it lets be kept."""
    scope = sealed_scope(consent)
    if consent.status == Consent.Status.SUSPENDED:
        raise SynthesisError(
            "clip.consent_suspended",
            "The consent is suspended for now.",
            "Ask a voice steward when it resumes.",
        )
    if consent.status in (Consent.Status.ACTIVE, Consent.Status.SUPERSEDED) and now < scope.valid_until:
        return
    if scope.after_end != "keep":
        raise SynthesisError(
            "clip.consent_ended",
            "The consent that this clip was made under has ended.",
            "Stop using copies of it that you have.",
        )
