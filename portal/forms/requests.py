"""What a requester fills in."""

from typing import Any

from django import forms

from consent.models import Voice
from consent.vocabulary import CHANNELS, LANGUAGES, PURPOSES, TERRITORIES
from portal.forms.base import PortalForm
from synthesis.models import SpeechRequest


class RequestForm(PortalForm):
    """A request for speech. The script has one line of speech a line; empty lines are left out."""

    fields_of_codes = {
        "request.title_missing": "title",
        "request.voice_not_offered": "voice",
        "consent.none_active": "voice",
        "voice.frozen": "voice",
    }

    voice = forms.ModelChoiceField(queryset=None, widget=forms.RadioSelect, empty_label=None)
    title = forms.CharField(max_length=200, help_text="What colleagues will know it by.")
    purpose = forms.ChoiceField(choices=[("", "Choose a purpose"), *PURPOSES.items()])
    channel = forms.ChoiceField(
        label="Where it is heard", choices=[("", "Choose a channel"), *CHANNELS.items()]
    )
    territory = forms.ChoiceField(choices=[("", "Choose a territory"), *TERRITORIES.items()])
    language = forms.ChoiceField(choices=[("", "Choose a language"), *LANGUAGES.items()])
    audience = forms.CharField(
        max_length=200, required=False, help_text="Who hears it: customers, staff, the public."
    )
    note = forms.CharField(
        label="Note to the reviewers",
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What they need to know to decide.",
    )
    script = forms.CharField(
        widget=forms.Textarea(attrs={"class": "script", "rows": 10, "spellcheck": "true"}),
        help_text="One line of the text becomes one clip. At most 600 characters a line.",
        strip=False,
    )

    def __init__(self, *args: Any, voices: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["voice"].queryset = voices

    @staticmethod
    def initial_from(request: SpeechRequest) -> dict[str, Any]:
        names = ("voice", "title", "purpose", "channel", "territory", "language", "audience", "note")
        lines = request.lines.all()
        return {name: getattr(request, name) for name in names} | {
            "script": "\n".join(line.text for line in lines)
        }

    @staticmethod
    def lines_of(script: str) -> list[str]:
        return [line for line in script.splitlines() if line.strip()]

    def wish(self) -> dict[str, Any]:
        """The cleaned fields under the names that the operations use."""
        wish = dict(self.cleaned_data)
        wish["lines"] = self.lines_of(wish.pop("script"))
        return wish

    def typed(self) -> dict[str, Any] | None:
        """For the live check: what is filled in so far, or None before a known voice is chosen."""
        voices: Any = self.fields["voice"].queryset
        voice: Voice | None = next((v for v in voices if str(v.pk) == self.data.get("voice")), None)
        if voice is None:
            return None
        codes = {name: self.data.get(name, "") for name in ("purpose", "channel", "territory", "language")}
        return {"voice": voice, "lines": self.lines_of(self.data.get("script", "")), **codes}


class ReasonForm(PortalForm):
    """A destructive act is confirmed with the reason for it."""

    reason = forms.CharField(
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the event, for those who look later.",
    )


class RequestFilter(forms.Form):
    status = forms.ChoiceField(
        label="State", required=False, choices=[("", "Any state"), *SpeechRequest.Status.choices]
    )
    q = forms.CharField(label="Search", required=False, max_length=100)
