"""A consent from the steward's side: prepare, offer, pause, withdraw; and its papers."""

import json
import zoneinfo
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.errors import NotAllowedError, VivaVoceError
from audit.roles import Role
from consent.access import get_consent, get_voice
from consent.consents import (
    issue_manage_link,
    offer_consent,
    prepare_consent,
    recall_offer,
    revise_draft,
    verify_consent_record,
    withdraw_consent,
)
from consent.models import Consent
from consent.scope import describe_scope
from portal.forms.consents import ScopeForm
from portal.forms.requests import ReasonForm
from portal.frame.access import actor_of, for_roles
from portal.presenters.papers import consent_document
from portal.presenters.qr import qr_code

STEWARD = Role.VOICE_STEWARD


@require_http_methods(["GET", "POST"])
@for_roles(STEWARD)
def prepare(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Draft the next version of a voice's consent, beginning from the scope of the one before."""
    voice = get_voice(request.user, pk)
    zone = zoneinfo.ZoneInfo(voice.owner.time_zone)
    newest = voice.consents.first()
    form = ScopeForm(request.POST or None, initial=_first_scope(newest, voice.language, zone))
    if request.method == "POST" and form.is_valid():
        try:
            consent = prepare_consent(
                voice=voice, scope=form.scope(zone), actor=actor_of(request), now=timezone.now()
            )
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            return redirect("consent", consent.pk)
    context = {"form": form, "voice": voice}
    return render(request, "portal/consents/form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@for_roles(STEWARD)
def revise(request: HttpRequest, pk: UUID) -> HttpResponse:
    consent = get_consent(request.user, pk)
    zone = zoneinfo.ZoneInfo(consent.voice.owner.time_zone)
    form = ScopeForm(request.POST or None, initial=ScopeForm.initial_from(consent.scope, zone))
    if request.method == "POST" and form.is_valid():
        try:
            revise_draft(consent=consent, scope=form.scope(zone), actor=actor_of(request), now=timezone.now())
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            return redirect("consent", consent.pk)
    context = {"form": form, "voice": consent.voice, "consent": consent}
    return render(request, "portal/consents/form.html", context, status=422 if form.errors else 200)


@require_GET
@for_roles()
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _page(request, get_consent(request.user, pk))


@require_POST
@for_roles(STEWARD)
def offer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Make the owner's link. It is in this one answer and nowhere else."""
    consent = get_consent(request.user, pk)
    token = offer_consent(consent=consent, actor=actor_of(request), now=timezone.now())
    return _page(request, get_consent(request.user, pk), link=_link(request, token), link_for="sign")


@require_POST
@for_roles(STEWARD)
def manage_link(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A new link by which the owner sees and withdraws; for an owner who lost theirs."""
    consent = get_consent(request.user, pk)
    token = issue_manage_link(consent=consent, actor=actor_of(request), now=timezone.now())
    return _page(request, consent, link=_link(request, token), link_for="manage")


@require_POST
@for_roles(STEWARD)
def recall(request: HttpRequest, pk: UUID) -> HttpResponse:
    recall_offer(consent=get_consent(request.user, pk), actor=actor_of(request), now=timezone.now())
    messages.success(request, "The offer is called back; its link no longer works.")
    return redirect("consent", pk)


@require_http_methods(["GET", "POST"])
@for_roles(STEWARD, Role.VOICE_OWNER)
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    consent = get_consent(request.user, pk)
    form = ReasonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        withdraw_consent(
            consent=consent,
            reason=form.cleaned_data["reason"],
            actor=actor_of(request),
            now=timezone.now(),
        )
        return redirect("consent", pk)
    context = {"form": form, "consent": consent, "scope": consent.scope}
    return render(request, "portal/consents/withdraw.html", context, status=422 if form.errors else 200)


@require_GET
@for_roles()
def document(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The signed document; it names the owner's address, and so is for fewer readers than its clauses."""
    consent = get_consent(request.user, pk)
    if not _may_read_document(request, consent):
        raise NotAllowedError(
            "consent.document_private",
            "Only the owner, voice stewards and auditors may have this document.",
            "The clauses on the consent's page are what you need to decide.",
        )
    return consent_document(consent)


def receipt_of(consent: Consent) -> dict[str, Any] | None:
    """The record of what a consent's end stopped, destroyed and kept, or None while it holds."""
    receipt = getattr(consent, "receipt", None)
    return json.loads(bytes(receipt.record)) | {"digest": receipt.digest} if receipt else None


def _page(request: HttpRequest, consent: Consent, *, link: str = "", link_for: str = "") -> HttpResponse:
    seal_error = None
    if consent.is_sealed:
        try:
            verify_consent_record(consent)
        except VivaVoceError as error:
            seal_error = error
    roles = request.user.roles
    is_owner = consent.voice.owner.account_id == request.user.pk
    ends = Consent.Status.WITHDRAWN in Consent.TRANSITIONS[consent.status]
    context = {
        "consent": consent,
        "clauses": describe_scope(consent.scope),
        "seal_error": seal_error,
        "receipt": receipt_of(consent),
        "link": link,
        "link_for": link_for,
        "qr": qr_code(link) if link else None,
        "is_steward": STEWARD in roles,
        "may_withdraw": ends and (STEWARD in roles or is_owner),
        "sees_owner": bool(roles & {STEWARD, Role.AUDITOR, Role.ADMINISTRATOR}),
        "may_read_document": _may_read_document(request, consent),
    }
    return render(request, "portal/consents/detail.html", context)


def _may_read_document(request: HttpRequest, consent: Consent) -> bool:
    is_owner = consent.voice.owner.account_id == request.user.pk
    return is_owner or bool(request.user.roles & {STEWARD, Role.AUDITOR})


def _link(request: HttpRequest, token: str) -> str:
    return request.build_absolute_uri(reverse("signing", args=[token]))


def _first_scope(newest: Consent | None, language: str, zone: zoneinfo.ZoneInfo) -> dict[str, Any]:
    if newest is not None:
        return ScopeForm.initial_from(newest.scope, zone)
    today = timezone.now().astimezone(zone).date()
    return {"languages": [language], "valid_from": today, "valid_until": today + timedelta(days=365)}
