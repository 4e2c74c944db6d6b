"""Pages for what went wrong outside any operation."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from audit.errors import NotAllowedError, NotFoundError


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return HttpResponse(render_to_string("portal/errors/broken.html", {"what": "bad"}), status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    error = NotAllowedError(
        "access.not_allowed",
        "This page is not open to you.",
        "Sign in with another account, or ask for access.",
    )
    return render(request, "portal/errors/refusal.html", {"error": error}, status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    error = NotAllowedError(
        "access.form_expired",
        "This form was too old, or did not come from this site.",
        "Go back, reload the page and send it again. Nothing was changed.",
    )
    return render(request, "portal/errors/refusal.html", {"error": error}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    error = NotFoundError(
        "access.not_found",
        "This page does not exist, or it is not one that you may see.",
        "Check the address, or start from your first page.",
    )
    return render(request, "portal/errors/refusal.html", {"error": error}, status=404)


def broken(request: HttpRequest) -> HttpResponse:
    """Drawn without the request: whatever failed may be part of drawing it."""
    return HttpResponse(render_to_string("portal/errors/broken.html", {"what": "broken"}), status=500)
