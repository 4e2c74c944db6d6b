"""A steward's pages: voice owners, their recordings, what an engine has learned, and who may ask."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.access import people_in_role
from audit.errors import VivaVoceError
from audit.roles import Role
from consent.access import (
    close_voice,
    get_owner,
    get_recording,
    get_voice,
    open_voice,
    owners_for,
    requesters_of,
)
from consent.models import Recording, Voice, VoiceOwner
from consent.owners import create_owner
from consent.recordings import add_recording, recordings_ready, remove_recording
from portal.forms.owners import OwnerForm, RecordingsForm, RequestersForm
from portal.frame.access import actor_of, for_roles
from synthesis.enrolment import start_enrolment
from synthesis.models import VoiceModel

PAGE_SIZE = 25
HTMX_STOP_POLLING = 286
SEE_OWNERS = (Role.VOICE_STEWARD, Role.AUDITOR, Role.ADMINISTRATOR)


@require_GET
@for_roles(*SEE_OWNERS)
def listing(request: HttpRequest) -> HttpResponse:
    owners = owners_for(request.user).prefetch_related("voices__consents")
    words = request.GET.get("q", "").strip()
    if words:
        owners = owners.filter(full_name__icontains=words)
    page = Paginator(owners, PAGE_SIZE).get_page(request.GET.get("page"))
    template = "portal/owners/listing.html" + ("#rows" if request.htmx else "")
    return render(request, template, {"page": page, "q": words, **_rights(request)})


@require_http_methods(["GET", "POST"])
@for_roles(Role.VOICE_STEWARD)
def new(request: HttpRequest) -> HttpResponse:
    form = OwnerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            owner = create_owner(**form.cleaned_data, actor=actor_of(request), now=timezone.now())
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            messages.success(request, f"{owner.full_name} is known now. Add recordings next.")
            return redirect("owner", owner.pk)
    return render(request, "portal/owners/new.html", {"form": form}, status=422 if form.errors else 200)


@require_GET
@for_roles(*SEE_OWNERS)
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _page(request, get_owner(request.user, pk))


@require_GET
@for_roles(*SEE_OWNERS)
def voice_progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Recordings and enrolment of one voice, polled while something is checked or learned."""
    view = _voice_view(get_voice(request.user, pk))
    status = 200 if view["moving"] else HTMX_STOP_POLLING
    return render(request, "portal/owners/voice.html", {"view": view, **_rights(request)}, status=status)


@require_POST
@for_roles(Role.VOICE_STEWARD)
def upload(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take in several recordings; each stands or falls by itself, and says so."""
    voice = get_voice(request.user, pk)
    form = RecordingsForm(request.POST, request.FILES)
    results = []
    if form.is_valid():
        for file in form.cleaned_data["recordings"]:
            error = None
            try:
                add_recording(
                    voice=voice,
                    data=file.read(),
                    filename=file.name,
                    actor=actor_of(request),
                    now=timezone.now(),
                )
            except VivaVoceError as refused:
                error = refused
            results.append((file.name, error))
    refused = [error for _, error in results if error]
    return _page(
        request,
        voice.owner,
        status=422 if form.errors or len(refused) == len(results) else 200,
        results=results,
        upload=None if form.is_valid() else form,
    )


@require_http_methods(["GET", "POST"])
@for_roles(Role.VOICE_STEWARD)
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    recording = get_recording(request.user, pk)
    if request.method == "POST":
        remove_recording(recording=recording, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"{recording.original_name} is destroyed.")
        return redirect("owner", recording.voice.owner_id)
    return render(request, "portal/owners/remove.html", {"recording": recording})


@require_POST
@for_roles(Role.VOICE_STEWARD)
def enrol(request: HttpRequest, pk: UUID) -> HttpResponse:
    voice = get_voice(request.user, pk)
    try:
        start_enrolment(voice=voice, actor=actor_of(request), now=timezone.now())
    except VivaVoceError as error:
        messages.error(request, f"{error.message} {error.remedy}")
    else:
        messages.success(request, "A worker will learn this voice from its recordings.")
    return redirect("owner", voice.owner_id)


@require_POST
@for_roles(Role.VOICE_STEWARD)
def requesters(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Open the voice to one requester, or close it."""
    voice = get_voice(request.user, pk)
    form = RequestersForm(request.POST, people=people_in_role(Role.REQUESTER))
    if form.is_valid():
        change = close_voice if "close" in request.POST else open_voice
        person = form.cleaned_data["person"]
        change(voice=voice, person=person, actor=actor_of(request), now=timezone.now())
        closed = "no longer ask" if "close" in request.POST else "ask"
        messages.success(request, f"{person.full_name} may {closed} for speech in this voice.")
    else:
        messages.error(request, "Choose one of the requesters.")
    return redirect("owner", voice.owner_id)


def _rights(request: HttpRequest) -> dict[str, bool]:
    return {"is_steward": Role.VOICE_STEWARD in request.user.roles}


def _page(request: HttpRequest, owner: VoiceOwner, *, status: int = 200, **extra: Any) -> HttpResponse:
    voices = []
    for voice in owner.voices.all():
        voice.owner = owner
        voices.append(_voice_view(voice))
    context = {"owner": owner, "voices": voices, "recordings_form": RecordingsForm(), **_rights(request)}
    return render(request, "portal/owners/detail.html", context | extra, status=status)


def _voice_view(voice: Voice) -> dict[str, Any]:
    recordings = list(voice.recordings.exclude(status=Recording.Status.REMOVED))
    newest = voice.models.first()
    learning = newest is not None and newest.status in VoiceModel.UNFINISHED
    opened = requesters_of(voice)
    return {
        "voice": voice,
        "recordings": recordings,
        "readiness": recordings_ready(voice),
        "model": newest,
        "learning": learning,
        "progress": round(newest.progress * 100) if newest else 0,
        "moving": learning or any(each.status == Recording.Status.CHECKING for each in recordings),
        "consents": voice.consents.all(),
        "requesters": opened,
        "requesters_form": RequestersForm(people=people_in_role(Role.REQUESTER).exclude(pk__in=opened)),
        "living": voice.status != Voice.Status.DESTROYED,
    }
