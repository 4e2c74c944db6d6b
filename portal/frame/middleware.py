"""What wraps every page: the reader's clock, and one way for bad news to become a page."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from audit.errors import VivaVoceError

Handler = Callable[[HttpRequest], HttpResponse]


def reader_time_zone(get_response: Handler) -> Handler:
    """Show times in the zone of the person who is signed in."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            with timezone.override(zoneinfo.ZoneInfo(request.user.time_zone)):
                return get_response(request)
        return get_response(request)

    return middleware


class DomainErrorMiddleware:
    """A domain error that a view did not answer itself becomes a page with its code, sentence and remedy.

    Under htmx it becomes the notice alone, put into the place the request was to fill.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, VivaVoceError):
            return None
        template = "portal/errors/refusal.html"
        if getattr(request, "htmx", False):
            template += "#notice"
        return render(request, template, {"error": error}, status=error.http_status)
