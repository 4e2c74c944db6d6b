"""A consent as a steward prepares it, and as its owner signs, declines or withdraws it."""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from consent.scope import AFTER_END, DISCLOSURES, Scope
from consent.vocabulary import CHANNELS, LANGUAGES, PURPOSES, TERRITORIES, TOPICS
from portal.forms.base import DayInput, PortalForm


class ScopeForm(PortalForm):
    """The scope of a consent. Days are whole days in the owner's time zone; the last day is included."""

    purposes = forms.MultipleChoiceField(
        label="What the voice may be used for",
        choices=list(PURPOSES.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    channels = forms.MultipleChoiceField(
        label="Where it may be heard", choices=list(CHANNELS.items()), widget=forms.CheckboxSelectMultiple
    )
    languages = forms.MultipleChoiceField(
        choices=list(LANGUAGES.items()), widget=forms.CheckboxSelectMultiple
    )
    territories = forms.MultipleChoiceField(
        choices=list(TERRITORIES.items()),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "many"}),
    )
    forbidden_topics = forms.MultipleChoiceField(
        label="Never about",
        required=False,
        choices=[(code, topic.label) for code, topic in TOPICS.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    forbidden_words = forms.CharField(
        label="Never these words",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The owner's own, one a line: a name, a competitor, a subject.",
    )
    max_seconds_per_request = forms.IntegerField(label="Seconds in one request", min_value=1, initial=300)
    max_seconds_total = forms.IntegerField(label="Seconds in all", min_value=1, initial=3600)
    valid_from = forms.DateField(label="From", widget=DayInput())
    valid_until = forms.DateField(label="Until and including", widget=DayInput())
    disclosure = forms.ChoiceField(
        label="Saying that it is synthetic",
        choices=list(DISCLOSURES.items()),
        widget=forms.RadioSelect(attrs={"class": "sentences"}),
        initial="none",
    )
    after_end = forms.ChoiceField(
        label="When it ends",
        choices=list(AFTER_END.items()),
        widget=forms.RadioSelect(attrs={"class": "sentences"}),
        initial="destroy",
    )
    owner_approves_scripts = forms.BooleanField(
        label="The owner approves every script before it is spoken", required=False
    )
    training_allowed = forms.BooleanField(label="Clips may be used to train other systems", required=False)
    compensation_note = forms.CharField(
        label="What the owner gets for it",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def scope(self, zone: ZoneInfo) -> Scope:
        """Raises ScopeError `consent.scope.invalid`."""
        data: dict[str, Any] = dict(self.cleaned_data)
        words = [word.strip() for word in data.pop("forbidden_words").splitlines() if word.strip()]
        data["forbidden_topics"] = (*data["forbidden_topics"], *words)
        for name in ("purposes", "channels", "languages", "territories"):
            data[name] = tuple(data[name])
        data["valid_from"] = datetime.combine(data["valid_from"], time.min, zone)
        data["valid_until"] = datetime.combine(data["valid_until"], time.max, zone)
        return Scope(**data)

    @staticmethod
    def initial_from(scope: Scope, zone: ZoneInfo) -> dict[str, Any]:
        values: dict[str, Any] = {name: getattr(scope, name) for name in Scope.__slots__}
        values["forbidden_topics"] = [code for code in scope.forbidden_topics if code in TOPICS]
        values["forbidden_words"] = "\n".join(code for code in scope.forbidden_topics if code not in TOPICS)
        values["valid_from"] = scope.valid_from.astimezone(zone).date()
        values["valid_until"] = scope.valid_until.astimezone(zone).date()
        return values


class SignForm(PortalForm):
    """Separate boxes, none ticked beforehand, and the owner's name as typed by the owner."""

    fields_of_codes = {"consent.name_mismatch": "typed_name", "consent.name_differs": "typed_name"}

    def __init__(self, *args: Any, agreements: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, sentence in agreements.items():
            self.fields[f"agree_{code}"] = forms.BooleanField(
                label=sentence, error_messages={"required": "Without this box there is no consent."}
            )
        self.fields["typed_name"] = forms.CharField(
            label="Your full name, as your signature",
            max_length=200,
            widget=forms.TextInput(attrs={"autocomplete": "name"}),
        )
        self.fields["time_zone"] = forms.CharField(
            required=False, max_length=64, widget=forms.HiddenInput(attrs={"data-time-zone": True})
        )

    @property
    def boxes(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("agree_")]

    @property
    def agreed(self) -> set[str]:
        return {
            name.removeprefix("agree_")
            for name, value in self.cleaned_data.items()
            if name.startswith("agree_") and value
        }


class DeclineForm(PortalForm):
    reason = forms.CharField(
        label="Would you like to say why?",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="You need not.",
    )
