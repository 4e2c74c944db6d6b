"""Audit reports: ask for one, watch it being made, take it away; and the evidence package."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.access import get_report, reports_for
from audit.errors import VivaVoceError
from audit.reports.jobs import cancel_report, request_report, retry_report
from audit.reports.models import Report
from audit.reports.package import export_report
from audit.roles import Role
from portal.forms.audit import PeriodForm
from portal.frame.access import actor_of, for_roles
from portal.presenters.papers import attachment, pdf_answer

PAGE_SIZE = 25
HTMX_STOP_POLLING = 286
BEING_MADE = (Report.Status.QUEUED, Report.Status.BUILDING)


@require_http_methods(["GET", "POST"])
@for_roles(Role.AUDITOR)
def listing(request: HttpRequest) -> HttpResponse:
    today = timezone.now().date()
    form = PeriodForm(request.POST or None, initial={"day_from": today - timedelta(days=30), "day_to": today})
    if request.method == "POST" and form.is_valid():
        try:
            report = request_report(
                period_from=form.start, period_to=form.end, actor=actor_of(request), now=timezone.now()
            )
        except VivaVoceError as error:
            form.add_refusal(error)
        else:
            return redirect("report", report.pk)
    page = Paginator(reports_for(request.user), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"form": form, "page": page}
    return render(request, "portal/audit/reports.html", context, status=422 if form.errors else 200)


@require_GET
@for_roles(Role.AUDITOR)
def detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    return render(request, "portal/audit/report.html", _context(get_report(request.user, pk)))


@require_GET
@for_roles(Role.AUDITOR)
def progress(request: HttpRequest, pk: UUID) -> HttpResponse:
    context = _context(get_report(request.user, pk))
    status = 200 if context["moving"] else HTMX_STOP_POLLING
    return render(request, "portal/audit/report.html#progress", context, status=status)


@require_GET
@for_roles(Role.AUDITOR)
def pdf(request: HttpRequest, pk: UUID) -> HttpResponse:
    report = get_report(request.user, pk)
    if report.status != Report.Status.READY:
        return redirect("report", pk)
    return pdf_answer(bytes(report.pdf), f"audit-report-{report.reference}")


@require_POST
@for_roles(Role.AUDITOR)
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    cancel_report(report=get_report(request.user, pk), actor=actor_of(request), now=timezone.now())
    messages.success(request, "The report is cancelled.")
    return redirect("report", pk)


@require_POST
@for_roles(Role.AUDITOR)
def retry(request: HttpRequest, pk: UUID) -> HttpResponse:
    retry_report(report=get_report(request.user, pk), actor=actor_of(request), now=timezone.now())
    return redirect("report", pk)


@require_POST
@for_roles(Role.AUDITOR)
def evidence(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The evidence package of a report that is ready. Making it is an event."""
    report = get_report(request.user, pk)
    data = export_report(report=report, actor=actor_of(request), now=timezone.now())
    name = f"evidence-{report.reference}"
    return HttpResponse(data, content_type="application/zip", headers=attachment(name, "zip"))


def _context(report: Report) -> dict[str, object]:
    return {
        "report": report,
        "moving": report.status in BEING_MADE,
        "stopped": report.status in (Report.Status.FAILED, Report.Status.CANCELLED),
    }
