"""Every use of a voice, for the person it belongs to."""

from consent.models import Voice
from synthesis.models import Render, SpeechRequest

SHOWN = 50


def uses_of(voice: Voice) -> list[tuple[SpeechRequest, list[Render]]]:
    """What was asked of a voice and submitted, newest first, each with its clips."""
    requests = (
        voice.speech_requests.filter(submitted_at__isnull=False)
        .select_related("requester")
        .prefetch_related("renders__line")
        .order_by("-submitted_at")[:SHOWN]
    )
    return [
        (request, [render for render in request.renders.all() if render.status == Render.Status.READY])
        for request in requests
    ]
