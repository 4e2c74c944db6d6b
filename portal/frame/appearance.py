"""Light or dark: the reader's system decides, unless they chose here. The choice is a cookie."""

from django.http import HttpRequest

COOKIE = "appearance"
CHOICES = ("system", "light", "dark")


def appearance_of(request: HttpRequest) -> str:
    chosen = request.COOKIES.get(COOKIE, "")
    return chosen if chosen in CHOICES else "system"


def next_appearance(chosen: str) -> str:
    return CHOICES[(CHOICES.index(chosen) + 1) % len(CHOICES)]
