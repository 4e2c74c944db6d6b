"""The owner's own pages, behind a link and without an account: read, sign or decline; later see and withdraw.

One step a screen: ``/c/<token>/`` says who asks, ``terms/`` what it means, ``sign/`` takes the signature. The
same address with a link to manage shows what the voice was used for, and ends it.
"""

from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from audit.actors import Actor
from audit.errors import NotFoundError, VivaVoceError
from consent.consents import (
    AGREEMENTS,
    decline_consent,
    issue_manage_link,
    link_actor,
    open_link,
    sign_consent,
    withdraw_consent,
)
from consent.models import Consent, ConsentLink, Recording
from consent.scope import Clause, describe_scope
from portal.forms.consents import DeclineForm, SignForm
from portal.presenters.papers import consent_document
from portal.presenters.qr import qr_code
from portal.presenters.uses import uses_of
from portal.views.voices.consents import receipt_of

# Clauses that say no rather than yes: they are shown as what the voice will not do.
LIMITS = frozenset({"topic", "request_seconds", "total_seconds", "training"})
Purpose = ConsentLink.Purpose


@never_cache
@require_GET
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    link = open_link(token=token, now=timezone.now())
    if link.purpose == Purpose.MANAGE:
        return _manage(request, token, link)
    return _page(request, "welcome", link, _context(token, link) | {"step": 1})


@never_cache
@require_GET
def terms(request: HttpRequest, token: str) -> HttpResponse:
    link = _to_sign(token)
    return _page(request, "terms", link, _context(token, link) | {"step": 2})


@never_cache
@require_http_methods(["GET", "POST"])
def sign(request: HttpRequest, token: str) -> HttpResponse:
    link = _to_sign(token)
    form = SignForm(request.POST or None, agreements=AGREEMENTS)
    if request.method == "POST" and form.is_valid():
        actor, now = link_actor(link), timezone.now()
        try:
            consent = sign_consent(
                link=link,
                typed_name=form.cleaned_data["typed_name"],
                agreements=form.agreed,
                evidence=_evidence(request, form.cleaned_data["time_zone"]),
                actor=actor,
                now=now,
            )
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            return _done(request, link, consent, actor)
    context = _context(token, link) | {"form": form, "step": 3}
    return _page(request, "sign", link, context, status=422 if form.errors else 200)


@never_cache
@require_http_methods(["GET", "POST"])
def decline(request: HttpRequest, token: str) -> HttpResponse:
    link = _to_sign(token)
    form = DeclineForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        reason = form.cleaned_data["reason"]
        decline_consent(link=link, reason=reason, actor=link_actor(link), now=timezone.now())
        return _page(request, "declined", link, _context(token, link))
    return _page(request, "decline", link, _context(token, link) | {"form": form})


@never_cache
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, token: str) -> HttpResponse:
    """The owner ends the consent. Giving a reason is not asked for more than saying no was."""
    link = _to_manage(token)
    form = DeclineForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        withdraw_consent(
            consent=link.consent,
            reason=form.cleaned_data["reason"],
            actor=link_actor(link),
            now=timezone.now(),
        )
        return redirect("signing", token)
    if link.consent.ended_at:
        return redirect("signing", token)
    return _page(request, "withdraw", link, _context(token, link) | {"form": form})


@never_cache
@require_GET
def document(request: HttpRequest, token: str) -> HttpResponse:
    return consent_document(_to_manage(token).consent)


def _to_sign(token: str) -> ConsentLink:
    return _opened(token, Purpose.SIGN)


def _to_manage(token: str) -> ConsentLink:
    return _opened(token, Purpose.MANAGE)


def _opened(token: str, purpose: ConsentLink.Purpose) -> ConsentLink:
    link = open_link(token=token, now=timezone.now())
    if link.purpose != purpose:
        raise NotFoundError(
            "link.wrong_purpose", "This link is for something else.", "Begin at the link you were sent."
        )
    return link


def _page(
    request: HttpRequest, name: str, link: ConsentLink, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """A page with its times in the owner's own zone."""
    with timezone.override(ZoneInfo(link.consent.voice.owner.time_zone)):
        return render(request, f"portal/signing/{name}.html", context, status=status)


def _context(token: str, link: ConsentLink) -> dict[str, Any]:
    consent = link.consent
    clauses = describe_scope(consent.scope)
    recordings = consent.voice.recordings.filter(status=Recording.Status.ACCEPTED)
    return {
        "token": token,
        "link": link,
        "consent": consent,
        "owner": consent.voice.owner,
        "clauses": clauses,
        "will": [clause for clause in clauses if not _limits(clause, consent)],
        "will_not": [clause for clause in clauses if _limits(clause, consent)],
        "recordings": recordings,
        "scope": consent.scope,
    }


def _limits(clause: Clause, consent: Consent) -> bool:
    if clause.dimension == "topic" and not consent.scope.forbidden_topics:
        return False
    if clause.dimension == "training" and consent.scope.training_allowed:
        return False
    return clause.dimension in LIMITS


def _done(request: HttpRequest, link: ConsentLink, consent: Consent, actor: Actor) -> HttpResponse:
    """Shown once, in answer to the signature: it holds the owner's permanent link."""
    token = issue_manage_link(consent=consent, actor=actor, now=timezone.now())
    address = request.build_absolute_uri(reverse("signing", args=[token]))
    context = {"consent": consent, "token": token, "address": address, "qr": qr_code(address)}
    return _page(request, "done", link, context)


def _manage(request: HttpRequest, token: str, link: ConsentLink) -> HttpResponse:
    consent = link.consent
    context = {
        "token": token,
        "consent": consent,
        "clauses": describe_scope(consent.scope),
        "uses": uses_of(consent.voice),
        "receipt": receipt_of(consent),
        "may_withdraw": Consent.Status.WITHDRAWN in Consent.TRANSITIONS[consent.status],
    }
    return _page(request, "manage", link, context)


def _evidence(request: HttpRequest, time_zone: str) -> dict[str, str]:
    return {
        "address": request.META["REMOTE_ADDR"],
        "agent": request.headers.get("User-Agent", ""),
        "time_zone": time_zone,
    }
