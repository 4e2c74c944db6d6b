"""Template tags of the portal's pages: icons, states in words, short digests, durations."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache

from django import template
from django.apps import apps
from django.conf import settings
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from audit.frameworks.coverage import CoverageCount, State
from portal.presenters import wording

register = template.Library()

ICONS = settings.NODE_MODULES / "bootstrap-icons" / "icons"


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """One Bootstrap icon as inline SVG, hidden from screen readers: the words beside it say the same.

    Raises:
        FileNotFoundError: no such icon, or the front-end packages are not installed.
    """
    paths = "".join(re.findall(r"<path[^>]*/>", (ICONS / f"{name}.svg").read_text()))
    return mark_safe(f'<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{paths}</svg>')  # noqa: S308


@register.filter
def state_label(status: str) -> str:
    """A status as the words a person reads."""
    return wording.state(status).label


@register.filter
def state_tone(status: str) -> str:
    """The colour a status is shown in: good, live, wait, bad or quiet."""
    return wording.state(status).tone


@register.filter
def refusal(code: str) -> str:
    """A refusal code in plain words."""
    return wording.refusal(code)


@register.filter
def dimension(name: str) -> str:
    """A dimension of a consent's scope in words."""
    return wording.dimension(name)


@register.filter
def action_label(action: str) -> str:
    """An event's action as a sentence: ``consent.signed`` is "Consent signed"."""
    return wording.action(action)


@register.filter
def short_digest(value: str | bytes | memoryview | None) -> str:
    """The first 16 hexadecimal digits in groups of four: enough to compare by eye."""
    if not value:
        return ""
    text = value if isinstance(value, str) else bytes(value).hex()
    return " ".join(text[i : i + 4] for i in range(0, 16, 4))


@register.filter
def duration(seconds: float | timedelta | None) -> str:
    """Seconds as people say them: ``8.4 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None:
        return "–"
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if total < 10:
        return f"{total:.1f} s".replace(".0 s", " s")
    if total < 60:
        return f"{total:.0f} s"
    if total < 3600:
        minutes, rest = divmod(round(total), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(total / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


@register.filter
def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


@register.filter
def label_of(code: str, vocabulary: str) -> str:
    """A code of a vocabulary (``purposes``, ``channels``, ``languages``, ``territories``) in words."""
    return wording.label(vocabulary, code)


@register.filter
def labels_of(codes: list[str], vocabulary: str) -> str:
    return ", ".join(wording.label(vocabulary, code) for code in codes)


MOMENTS = {"long": "j F Y, H:i T", "short": "j M Y, H:i", "brief": "j M, H:i", "day": "j F Y"}


@register.simple_tag
def moment(when: datetime | None, style: str = "long") -> str:
    """A moment in the reader's time zone; the exact time in UTC is in its title."""
    if when is None:
        return "–"
    exact = when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    shown = date_format(timezone.localtime(when), MOMENTS[style])
    return format_html('<time datetime="{}" title="{}">{}</time>', when.isoformat(), exact, shown)


@register.simple_tag
def utc_days(start: datetime, end: datetime) -> str:
    """A period as it was asked for: days in UTC, the last one included."""
    return f"{date_format(start.astimezone(UTC), MOMENTS['day'])} to {last_day(end)}"


@register.simple_tag
def last_day(end: datetime) -> str:
    """The last day before ``end``, in UTC: consents are agreed by such days, wherever they are read."""
    return date_format((end - timedelta(microseconds=1)).astimezone(UTC), MOMENTS["day"])


@register.filter
def subject_label(label: str) -> str:
    """What kind of thing an event is about: ``synthesis.speechrequest`` is "Speech request"."""
    try:
        return wording.sentence(str(apps.get_model(label)._meta.verbose_name))
    except LookupError:
        return label


@register.simple_tag(takes_context=True)
def page_address(context: template.Context, number: int) -> str:
    """This page's query string with another page number."""
    query = context["request"].GET.copy()
    query["page"] = str(number)
    return f"?{query.urlencode()}"


@register.filter
def spelled(code: str) -> str:
    """A code as words: ``risk_management`` is "Risk management"."""
    return wording.sentence(code)


@register.filter
def spelled_list(codes: Iterable[str]) -> str:
    return ", ".join(wording.sentence(code).lower() for code in codes)


@register.filter
def hexadecimal(number: int) -> str:
    """A watermark's id as people quote it: eight hexadecimal digits."""
    return f"{number:08x}"


@register.filter
def evidence_tone(state: str) -> str:
    return {"present": "good", "partial": "wait", "absent": "bad"}.get(state, "quiet")


@register.simple_tag
def coverage_bar(count: CoverageCount) -> SafeString:
    """One stacked bar, a unit a control; the drawing's own box stretches it to the page."""
    x, parts = 0, []
    for state in State:
        width = getattr(count, state.value)
        parts.append(format_html('<rect class="{}" x="{}" width="{}" height="1"/>', state.value, x, width))
        x += width
    return mark_safe("".join(parts))  # noqa: S308
