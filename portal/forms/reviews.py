"""What a reviewer decides, and the second look before it counts."""

from typing import Any

from django import forms

from portal.forms.base import PortalForm
from synthesis.approvals import ACKNOWLEDGEMENTS
from synthesis.models import Decision


class DecisionForm(PortalForm):
    fields_of_codes = {"decision.reason_missing": "reason", "decision.not_acknowledged": "acknowledged"}

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    verdict = forms.ChoiceField(choices=Decision.Verdict.choices, widget=forms.RadioSelect)
    acknowledged = forms.MultipleChoiceField(
        label="Before approving",
        required=False,
        choices=list(ACKNOWLEDGEMENTS.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    reason = forms.CharField(
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="The requester reads it. Needed unless you approve.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("acknowledged", "reason"):
            # Needed for some verdicts: the label must not call it optional.
            self.fields[name].depends = True

    def clean(self) -> dict[str, object]:
        """Say before the confirmation what the operation would refuse after it."""
        data = super().clean() or {}
        verdict = data.get("verdict")
        if verdict == Decision.Verdict.APPROVE:
            if set(data.get("acknowledged", [])) != ACKNOWLEDGEMENTS.keys():
                self.add_error(
                    "acknowledged", "Approving needs all of these. Where one is untrue, ask for changes."
                )
        elif verdict and not data.get("reason"):
            self.add_error("reason", "Say why, so that the requester knows what to do.")
        return data

    @property
    def said(self) -> list[str]:
        """The sentences behind the ticked boxes."""
        return [ACKNOWLEDGEMENTS[code] for code in self.cleaned_data["acknowledged"]]
