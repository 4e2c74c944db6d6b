"""A requester's pages: the list, the form with its live check, one request from consent to clips."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.errors import VivaVoceError
from audit.roles import Role
from consent.access import voices_for_request
from portal.forms.requests import RequestFilter, RequestForm
from portal.frame.access import actor_of, for_roles
from portal.presenters.chain import chain_of, lines_of
from portal.presenters.voices import voice_choices
from synthesis.access import get_request, may_hear, requests_for
from synthesis.models import SpeechRequest
from synthesis.requests.checking import check_request
from synthesis.requests.editing import cancel_request, draft_request, revise_request, submit_request

PAGE_SIZE = 25
HTMX_STOP_POLLING = 286


@require_GET
@for_roles(Role.REQUESTER)
def listing(request: HttpRequest) -> HttpResponse:
    mine = requests_for(request.user).filter(requester=request.user).select_related("voice__owner")
    filters = RequestFilter(request.GET)
    shown = mine
    if filters.is_valid():
        if status := filters.cleaned_data["status"]:
            shown = shown.filter(status=status)
        if words := filters.cleaned_data["q"]:
            shown = shown.filter(title__icontains=words) | shown.filter(number__icontains=words)
    page = Paginator(shown, PAGE_SIZE).get_page(request.GET.get("page"))
    template = "portal/requests/listing.html" + ("#rows" if request.htmx else "")
    return render(
        request, template, {"page": page, "filters": filters, "any": bool(page.object_list) or mine.exists()}
    )


@require_http_methods(["GET", "POST"])
@for_roles(Role.REQUESTER)
def new(request: HttpRequest) -> HttpResponse:
    voices = voices_for_request(request.user)
    form = RequestForm(request.POST or None, voices=voices)
    if request.method == "POST" and form.is_valid():
        return _save(request, form, None)
    return _form_page(request, form, None)


@require_http_methods(["GET", "POST"])
@for_roles(Role.REQUESTER)
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    wanted = get_request(request.user, pk)
    form = RequestForm(
        request.POST or None,
        voices=voices_for_request(request.user),
        initial=RequestForm.initial_from(wanted),
    )
    if request.method == "POST" and form.is_valid():
        return _save(request, form, wanted)
    return _form_page(request, form, wanted)


@require_POST
@for_roles(Role.REQUESTER)
def check(request: HttpRequest) -> HttpResponse:
    """The live check: a fragment for the form, asked for as somebody types."""
    typed = RequestForm(request.POST, voices=voices_for_request(request.user)).typed()
    saved = request.POST.get("request")
    wanted = get_request(request.user, saved) if saved else None
    result = check_request(**typed, now=timezone.now(), request=wanted) if typed else None
    return render(request, "portal/requests/check.html", {"check": result, "typed": typed})


@require_GET
@for_roles()
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return render(request, "portal/requests/detail.html", _detail(request, pk))


@require_GET
@for_roles()
def progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The part of the request page that moves, polled while something does."""
    context = _detail(request, pk)
    status = 200 if context["moving"] else HTMX_STOP_POLLING
    return render(request, "portal/requests/detail.html#progress", context, status=status)


@require_POST
@for_roles(Role.REQUESTER)
def submit(request: HttpRequest, pk: UUID) -> HttpResponse:
    wanted = get_request(request.user, pk)
    try:
        submit_request(request=wanted, actor=actor_of(request), now=timezone.now())
    except VivaVoceError as error:
        messages.error(request, f"{error.message} {error.remedy}")
    else:
        messages.success(request, f"{wanted.number} is with the policy reviewers now.")
    return redirect("request", pk)


@require_http_methods(["GET", "POST"])
@for_roles(Role.REQUESTER)
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    wanted = get_request(request.user, pk)
    if request.method == "POST":
        cancel_request(request=wanted, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"{wanted.number} is cancelled.")
        return redirect("request", pk)
    return render(request, "portal/requests/cancel.html", {"wanted": wanted})


def _save(request: HttpRequest, form: RequestForm, wanted: SpeechRequest | None) -> HttpResponse:
    """Keep what was written, and submit it where that was asked. A refused submission leaves the draft."""
    actor, now = actor_of(request), timezone.now()
    try:
        if wanted is None:
            wanted = draft_request(**form.wish(), actor=actor, now=now)
        else:
            wanted = revise_request(request=wanted, **form.wish(), actor=actor, now=now)
    except VivaVoceError as error:
        form.add_refusal(error)
        return _form_page(request, form, wanted, status=error.http_status)
    if "submit" in request.POST:
        return submit(request, wanted.pk)
    messages.success(request, f"{wanted.number} is saved as a draft.")
    return redirect("request", wanted.pk)


def _form_page(
    request: HttpRequest, form: RequestForm, wanted: SpeechRequest | None, status: int | None = None
) -> HttpResponse:
    voices = voice_choices(form.fields["voice"].queryset, now=timezone.now())
    context = {"form": form, "wanted": wanted, "voices": voices, "chosen": str(form["voice"].value() or "")}
    return render(
        request, "portal/requests/form.html", context, status=status or (422 if form.errors else 200)
    )


def _detail(request: HttpRequest, pk: UUID) -> dict[str, Any]:
    wanted = get_request(request.user, pk)
    lines = lines_of(wanted)
    done = sum(line.is_finished for line in lines)
    return {
        "wanted": wanted,
        "lines": lines,
        "done": done,
        "chain": chain_of(wanted, lines),
        "moving": wanted.status in SpeechRequest.PERMITTED,
        "may_hear": may_hear(request.user, wanted),
        "is_requester": wanted.requester_id == request.user.pk,
        "editable": wanted.status in SpeechRequest.EDITABLE,
        "cancellable": SpeechRequest.Status.CANCELLED in SpeechRequest.TRANSITIONS[wanted.status],
    }
