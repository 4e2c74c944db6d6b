"""A stop sign: what it stops and why."""

from typing import Any

from django import forms

from portal.forms.base import PortalForm


class FreezeForm(PortalForm):
    """No voice means every voice; only some may choose that."""

    fields_of_codes = {"freeze.reason_missing": "reason", "freeze.standing": "voice"}

    voice = forms.ModelChoiceField(label="What", queryset=None, required=False)
    reason = forms.CharField(
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the event, for those who look later.",
    )

    def __init__(self, *args: Any, voices: Any, everything: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["voice"]
        field.queryset = voices
        field.required = not everything
        field.empty_label = "Everything: all voices" if everything else "Choose a voice"
