"""How every form is drawn and how refusals of an operation come back to it."""

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting

from audit.errors import VivaVoceError


class PortalRenderer(TemplatesSetting):
    """Forms drawn by our own field template, found among the project's templates."""

    field_template_name = "portal/forms/field.html"
    form_template_name = "portal/forms/form.html"


class DayInput(forms.DateInput):
    """The browser's own calendar, which reads and writes ISO 8601 whatever the locale."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class PortalForm(forms.Form):
    """A form whose errors may also come from the operation it feeds."""

    required_css_class = "required"
    # Where an operation names a field by another name than the form, or only its code tells the field.
    fields_of_codes: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)

    def add_refusal(self, error: VivaVoceError) -> None:
        """Show a domain error at the field it is about, or above the form."""
        named = [name for name in getattr(error, "fields", ()) if name in self.fields]
        field = named[0] if named else self.fields_of_codes.get(error.code)
        message = f"{error.message} {error.remedy}".strip()
        self.add_error(field, forms.ValidationError(message, code=error.code))
