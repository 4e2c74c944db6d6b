"""What an auditor asks the log and the reports."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms

from portal.forms.base import DayInput, PortalForm


class LogFilter(forms.Form):
    action = forms.CharField(required=False, max_length=64, label="Action")
    subject = forms.UUIDField(required=False, label="Subject id")
    actor = forms.CharField(required=False, max_length=64, label="Actor id")
    day_from = forms.DateField(required=False, label="From", widget=DayInput())
    day_to = forms.DateField(required=False, label="To", widget=DayInput())


class PeriodForm(PortalForm):
    """Whole days, both included, in UTC as the log counts them."""

    day_from = forms.DateField(label="First day", widget=DayInput())
    day_to = forms.DateField(label="Last day", widget=DayInput())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("day_from") and data.get("day_to") and data["day_from"] > data["day_to"]:
            self.add_error("day_to", "The last day comes before the first.")
        return data

    @property
    def start(self) -> datetime:
        return datetime.combine(self.cleaned_data["day_from"], time.min, UTC)

    @property
    def end(self) -> datetime:
        return datetime.combine(self.cleaned_data["day_to"], time.min, UTC) + timedelta(days=1)


class ClipForm(PortalForm):
    clip = forms.FileField(
        label="Audio file",
        help_text="Any common format. It is examined and not kept; only its digest is.",
        widget=forms.FileInput(attrs={"accept": "audio/*"}),
    )
    thorough = forms.BooleanField(
        required=False, label="Also look for changed speed, tempo and pitch (takes ten times as long)"
    )
