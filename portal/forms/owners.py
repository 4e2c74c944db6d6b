"""Voice owners and their recordings."""

import zoneinfo
from typing import Any

from django import forms

from consent.vocabulary import COUNTRIES, LANGUAGES
from portal.forms.base import PortalForm


def time_zones() -> list[tuple[str, str]]:
    names = sorted(
        name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc")
    )
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class OwnerForm(PortalForm):
    fields_of_codes = {
        "owner.email_invalid": "email",
        "owner.name_missing": "full_name",
        "owner.time_zone_unknown": "time_zone",
    }

    full_name = forms.CharField(
        label="Full name", max_length=200, help_text="As it will stand on the consent."
    )
    email = forms.EmailField(label="E-mail address")
    country = forms.ChoiceField(choices=[("", "Choose a country"), *COUNTRIES.items()])
    language = forms.ChoiceField(
        label="Language of the voice", choices=[("", "Choose a language"), *LANGUAGES.items()]
    )
    time_zone = forms.ChoiceField(
        label="Time zone", choices=time_zones, help_text="Times are shown to the owner in it."
    )


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files in one field; cleaned to a list."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        one = super().clean
        return (
            [one(item, initial) for item in data] if isinstance(data, list) and data else [one(data, initial)]
        )


class RecordingsForm(PortalForm):
    recordings = ManyFilesField(
        label="Recordings",
        help_text="WAV, FLAC or MP3 of one clean speaker: 10 to 60 seconds in all are enough.",
        widget=ManyFilesInput(attrs={"accept": "audio/*,.wav,.flac,.mp3,.ogg,.m4a"}),
    )


class RequestersForm(PortalForm):
    """Who may ask for speech in a voice: one person is opened or closed at a time."""

    person = forms.ModelChoiceField(queryset=None, empty_label="Choose a requester")

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = people
