"""Who a page is for. Objects come from each app's own access module; this asks for the role alone."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from audit.actors import Actor
from audit.roles import Role

View = Callable[..., HttpResponse]


def actor_of(request: HttpRequest) -> Actor:
    """The person who is signed in, as the actor of an operation."""
    return Actor.from_person(request.user)


def for_roles(*roles: Role) -> Callable[[View], View]:
    """A page for people who hold one of ``roles``; without any, for everyone who is signed in.

    Somebody not signed in goes to the sign-in page; somebody in another role is refused (403).
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if roles:
                actor_of(request).require(*roles)
            return view(request, *args, **kwargs)

        return login_required(guarded)

    return decorate
