"""Signing in and changing one's password: Django's forms, worded and drawn as ours."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "This e-mail address and password do not belong together.",
        "inactive": "This account has been closed.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.fields["username"].label = "E-mail address"
        self.fields["username"].widget = forms.EmailInput(
            attrs={"autofocus": True, "autocomplete": "username"}
        )

    def clean_username(self) -> str:
        return self.cleaned_data["username"].lower()


class PasswordForm(PasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        self.fields["new_password1"].help_text = "At least 12 characters. A few unrelated words work well."
        self.fields["new_password2"].label = "New password, once more"
        self.fields["new_password2"].help_text = ""
