"""Hearing and downloading a released clip. Each is an event."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.frame.access import actor_of, for_roles
from synthesis.access import get_render
from synthesis.models import Render
from synthesis.releases import open_clip


@never_cache
@require_GET
@for_roles()
def play(request: HttpRequest, pk: UUID) -> HttpResponse:
    clip = get_render(request.user, pk)
    data, media = open_clip(render=clip, actor=actor_of(request), now=timezone.now())
    return HttpResponse(data, content_type=media)


@never_cache
@require_GET
@for_roles()
def download(request: HttpRequest, pk: UUID) -> HttpResponse:
    clip = get_render(request.user, pk)
    data, media = open_clip(render=clip, download=True, actor=actor_of(request), now=timezone.now())
    headers = {"Content-Disposition": f'attachment; filename="{_file_name(clip, media)}"'}
    return HttpResponse(data, content_type=media, headers=headers)


def _file_name(clip: Render, media: str) -> str:
    return f"{clip.request.number}-line-{clip.line.position:03d}.{media.rpartition('/')[2]}"
