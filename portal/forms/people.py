"""People, their roles, and stop signs."""

import zoneinfo

from django import forms
from django.contrib.auth.password_validation import validate_password

from audit.roles import Role
from portal.forms.base import PortalForm
from portal.forms.owners import time_zones


class RolesForm(PortalForm):
    roles = forms.MultipleChoiceField(
        choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    def chosen(self) -> frozenset[Role]:
        return frozenset(Role(value) for value in self.cleaned_data["roles"])


class NewPasswordForm(PortalForm):
    password = forms.CharField(
        label="New password",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        validators=[validate_password],
        help_text="At least 12 characters. Tell them in person; they change it under Account.",
    )


class PersonForm(RolesForm):
    fields_of_codes = {
        "person.email_invalid": "email",
        "person.email_taken": "email",
        "person.name_missing": "full_name",
        "person.time_zone_unknown": "time_zone",
    }
    field_order = ["full_name", "email", "time_zone", "password", "roles"]

    full_name = forms.CharField(label="Full name", max_length=200)
    email = forms.EmailField(label="E-mail address")
    time_zone = forms.ChoiceField(label="Time zone", choices=time_zones, initial="UTC")
    password = forms.CharField(
        label="First password",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        validators=[validate_password],
        help_text="At least 12 characters. They can change it under Account.",
    )

    def clean_time_zone(self) -> str:
        zone = self.cleaned_data["time_zone"]
        if zone not in zoneinfo.available_timezones():
            raise forms.ValidationError("There is no such time zone.")
        return zone
