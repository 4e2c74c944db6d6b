"""A reviewer's pages: what needs them, and the decision on exactly what they read."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from audit.errors import VivaVoceError
from audit.roles import Role
from portal.forms.reviews import DecisionForm
from portal.frame.access import actor_of, for_roles
from portal.presenters.chain import chain_of, lines_of
from synthesis.access import get_request, requests_for
from synthesis.approvals import decide, inbox_for, refusal_to_decide
from synthesis.models import SpeechRequest
from synthesis.requests.checking import check_request

REVIEWERS = (Role.POLICY_REVIEWER, Role.LEGAL_REVIEWER, Role.SECURITY_REVIEWER)
DECIDERS = (*REVIEWERS, Role.VOICE_OWNER)
PAGE_SIZE = 25


@require_GET
@for_roles(*REVIEWERS)
def inbox(request: HttpRequest) -> HttpResponse:
    boxes = _boxes(request)
    chosen = request.GET.get("box", "")
    chosen = chosen if chosen in boxes else "mine"
    page = Paginator(boxes[chosen], PAGE_SIZE).get_page(request.GET.get("page"))
    counts = [(name, boxes[name].count()) for name in boxes]
    context = {"page": page, "box": chosen, "counts": counts, "now": timezone.now()}
    return render(request, "portal/reviews/inbox.html", context)


@require_http_methods(["GET", "POST"])
@for_roles(*DECIDERS)
def review(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Read, decide, confirm. The confirmation repeats what is decided; only then is it recorded."""
    wanted = get_request(request.user, pk)
    form = DecisionForm(request.POST or None, initial={"digest": wanted.digest})
    context = _context(request, wanted, form)
    if request.method != "POST":
        return render(request, "portal/reviews/review.html", context)
    if "back" in request.POST or not form.is_valid():
        return render(request, "portal/reviews/review.html", context, status=200 if form.is_valid() else 422)
    if "confirmed" not in request.POST:
        return render(request, "portal/reviews/confirm.html", context)
    if not wanted.stage:
        context["refusal"] = refusal_to_decide(request=wanted, actor=actor_of(request))
        return render(request, "portal/reviews/review.html", context, status=409)
    try:
        decision = decide(
            request=wanted,
            stage=wanted.stage,
            verdict=form.cleaned_data["verdict"],
            reason=form.cleaned_data["reason"],
            digest=form.cleaned_data["digest"],
            acknowledged=form.cleaned_data["acknowledged"],
            actor=actor_of(request),
            now=timezone.now(),
        )
    except VivaVoceError as error:
        form.add_refusal(error)
        return render(request, "portal/reviews/review.html", context, status=error.http_status)
    messages.success(
        request, f"{wanted.number}: {decision.get_verdict_display().lower()}, recorded and signed."
    )
    return redirect("reviews" if request.user.roles & set(REVIEWERS) else "my-voice")


def _boxes(request: HttpRequest) -> dict[str, QuerySet[SpeechRequest]]:
    person = request.user
    mine = inbox_for(person)
    seen = requests_for(person).select_related("voice__owner", "requester")
    decided = person.decisions.values("request")
    return {
        "mine": mine,
        "waiting": seen.exclude(stage="").exclude(pk__in=mine.values("pk")).order_by("submitted_at"),
        "done": seen.filter(pk__in=decided).order_by("-updated_at"),
    }


def _context(request: HttpRequest, wanted: SpeechRequest, form: DecisionForm) -> dict[str, Any]:
    lines = lines_of(wanted)
    awaited = bool(wanted.stage)
    refusal = refusal_to_decide(request=wanted, actor=actor_of(request)) if awaited else None
    check = None
    if awaited:
        check = check_request(
            voice=wanted.voice,
            purpose=wanted.purpose,
            channel=wanted.channel,
            territory=wanted.territory,
            language=wanted.language,
            lines=[each.line.text for each in lines],
            now=timezone.now(),
            request=wanted,
        )
    return {
        "wanted": wanted,
        "lines": lines,
        "form": form,
        "chain": chain_of(wanted, lines),
        "check": check,
        "refusal": refusal,
        "may_decide": awaited and refusal is None,
        "earlier": wanted.decisions.select_related("person").exclude(dismissed_at=None),
    }
