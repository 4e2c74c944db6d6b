"""What every page's template may use."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from portal.frame.appearance import appearance_of
from portal.frame.navigation import places_for


def page(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated
    roles = user.roles if signed_in else frozenset()
    return {
        "organisation": settings.ORGANISATION_NAME,
        "appearance": appearance_of(request),
        "places": places_for(roles),
        "role_names": [role.label for role in sorted(roles)],
        "section": request.path.strip("/").split("/")[0],
    }
