"""How the portal is: a public answer for monitors, and a page for administrators."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from audit.roles import Role
from portal.frame.access import for_roles
from portal.presenters.state import parts


@never_cache
@require_GET
def health(request: HttpRequest) -> HttpResponse:
    found = {part.name: "ok" if part.is_well else "failing" for part in parts()}
    well = all(state == "ok" for state in found.values())
    return JsonResponse({"status": "ok" if well else "failing", **found}, status=200 if well else 503)


@require_GET
@for_roles(Role.ADMINISTRATOR)
def system(request: HttpRequest) -> HttpResponse:
    context = {"parts": parts(), "engine": settings.DEFAULT_ENGINE, "data": settings.DATA_DIR}
    return render(request, "portal/people/system.html", context)
