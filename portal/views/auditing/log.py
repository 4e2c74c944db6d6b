"""An auditor's pages: the overview, the event log with its proofs, and verification."""

import json
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from audit.access import get_leaf, leaves_for, reports_for
from audit.errors import VivaVoceError
from audit.frameworks.coverage import coverage, coverage_by_function, coverage_by_tag, get_catalogue
from audit.frameworks.periods import Period
from audit.log.models import Leaf
from audit.log.proofs import latest_checkpoint, log_size, receipt
from audit.log.replay import replay_log
from audit.reports.charts import activity_chart
from audit.reports.content import LogState
from audit.reports.ledger import figures, names_of
from audit.roles import Role
from portal.forms.audit import LogFilter
from portal.frame.access import for_roles

PAGE_SIZE = 50
OVERVIEW = timedelta(days=30)


@require_GET
@for_roles(Role.AUDITOR)
def overview(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    period = Period(now - OVERVIEW, now)
    states = coverage(period)
    checkpoint = latest_checkpoint()
    context = {
        "period": period,
        "figures": figures(period),
        "activity": activity_chart(period),
        "catalogue": get_catalogue(),
        "by_function": coverage_by_function(states),
        "by_tag": coverage_by_tag(states),
        "log": LogState.of(checkpoint) if checkpoint else None,
        "log_size": log_size(),
        "latest": _with_names(leaves_for(request.user)[:8]),
        "reports": reports_for(request.user)[:3],
    }
    return render(request, "portal/audit/overview.html", context)


@require_GET
@for_roles(Role.AUDITOR)
def controls(request: HttpRequest) -> HttpResponse:
    """Every subcategory of the framework with the evidence that the log holds for it."""
    now = timezone.now()
    tag = request.GET.get("tag", "")
    states = coverage(Period(now - OVERVIEW, now))
    shown = [state for state in states if not tag or tag in state.control.tags]
    context = {"states": shown, "tag": tag, "catalogue": get_catalogue()}
    return render(request, "portal/audit/controls.html", context)


@require_GET
@for_roles(Role.AUDITOR)
def browse(request: HttpRequest) -> HttpResponse:
    filters = LogFilter(request.GET)
    leaves = leaves_for(request.user)
    if filters.is_valid():
        leaves = _filtered(leaves, filters.cleaned_data)
    page = Paginator(leaves, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "events": _with_names(page.object_list), "filters": filters}
    template = "portal/audit/log.html" + ("#rows" if request.htmx else "")
    return render(request, template, context)


@require_GET
@for_roles(Role.AUDITOR)
def event(request: HttpRequest, seq: int) -> HttpResponse:
    leaf = get_leaf(request.user, seq)
    try:
        proof, unproven = receipt(leaf), None
    except VivaVoceError as error:
        proof, unproven = "", error
    context = {
        "leaf": leaf,
        "event": leaf.event,
        "who": names_of([leaf.actor_id]).get(leaf.actor_id, leaf.actor_id),
        "body": json.dumps(leaf.event, indent=2, ensure_ascii=False),
        "hash": bytes(leaf.hash).hex(),
        "proof": proof,
        "unproven": unproven,
        "last": log_size() - 1,
    }
    return render(request, "portal/audit/event.html", context)


@require_GET
@for_roles(Role.AUDITOR)
def event_proof(request: HttpRequest, seq: int) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="event-{seq}.tlog-proof"'}
    return HttpResponse(receipt(get_leaf(request.user, seq)), content_type="text/plain", headers=headers)


@require_POST
@for_roles(Role.AUDITOR)
def verify_log(request: HttpRequest) -> HttpResponse:
    """Read the whole log again, here and now."""
    return render(request, "portal/audit/verified.html", {"replay": replay_log()})


def _filtered(leaves: QuerySet[Leaf], wanted: dict[str, Any]) -> QuerySet[Leaf]:
    if action := wanted["action"].strip().lower():
        leaves = leaves.filter(action__startswith=action)
    if subject := wanted["subject"]:
        leaves = leaves.filter(subject_id=subject)
    if actor := wanted["actor"].strip():
        leaves = leaves.filter(actor_id=actor)
    if day := wanted["day_from"]:
        leaves = leaves.filter(time__gte=datetime.combine(day, time.min, UTC))
    if day := wanted["day_to"]:
        leaves = leaves.filter(time__lt=datetime.combine(day, time.min, UTC) + timedelta(days=1))
    return leaves


def _with_names(leaves: Any) -> list[tuple[Leaf, dict[str, Any], str]]:
    """Each leaf with its event and the name of who acted."""
    leaves = list(leaves)
    names = names_of({leaf.actor_id for leaf in leaves})
    return [(leaf, leaf.event, names.get(leaf.actor_id, leaf.actor_id)) for leaf in leaves]
