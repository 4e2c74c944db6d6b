"""What a reviewer decides, and the second look before it counts."""

from django import forms

from portal.forms.base import PortalForm
from synthesis.models import Decision

# What somebody who approves says they have done. The codes are signed with the decision.
ACKNOWLEDGEMENTS = {
    "read_script": "I have read every line of this script.",
    "checked_scope": "It fits what the owner of the voice agreed to.",
    "no_deception": "It does not deceive its listeners or put words in the owner's mouth.",
}


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

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        verdict = data.get("verdict")
        if verdict == Decision.Verdict.APPROVE and set(data.get("acknowledged", [])) != set(ACKNOWLEDGEMENTS):
            self.add_error(
                "acknowledged", "Approving needs all of these. Reject or ask for changes where one is untrue."
            )
        if verdict in (Decision.Verdict.REJECT, Decision.Verdict.REQUEST_CHANGES) and not data.get("reason"):
            self.add_error("reason", "Say why, so that the requester knows what to do.")
        return data
