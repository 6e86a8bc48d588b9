"""How every form is drawn: one template for a form, one for a field, no form library."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting

from config.kit.errors import DomainError, InvalidInput

# Widgets that are groups of inputs get their look from the stylesheet: Django copies a class
# onto the group's own element too.
_PLAIN = (
    forms.CheckboxInput,
    forms.CheckboxSelectMultiple,
    forms.RadioSelect,
    forms.HiddenInput,
    forms.MultipleHiddenInput,
)

# What browsers and password managers can fill in, for fields whose form does not say.
_AUTOCOMPLETE = {
    "email": "email",
    "full_name": "name",
    "first_name": "given-name",
    "last_name": "family-name",
    "organization_name": "organization",
    "country": "country",
}


class UIBoundField(BoundField):
    """Adds the classes of the design layer to a widget; aria attributes are Django's own."""

    @property
    def is_checkbox(self) -> bool:
        return isinstance(self.field.widget, forms.CheckboxInput)

    def build_widget_attrs(
        self, attrs: dict[str, Any], widget: forms.Widget | None = None
    ) -> dict[str, Any]:
        widget = widget or self.field.widget
        built = super().build_widget_attrs(attrs, widget)
        if str(self.label).lower() in str(widget.attrs.get("placeholder", "")).lower():
            # A placeholder that repeats the label says nothing. False leaves the attribute out.
            built["placeholder"] = False
        if "autocomplete" not in widget.attrs and self.name in _AUTOCOMPLETE:
            built["autocomplete"] = _AUTOCOMPLETE[self.name]
        if not isinstance(widget, _PLAIN):
            built["class"] = self._classes(widget)
        return built

    def _classes(self, widget: forms.Widget) -> str:
        shape = "form-select" if isinstance(widget, forms.Select) else "form-control"
        names = [widget.attrs.get("class", ""), shape, "is-invalid" if self.errors else ""]
        return " ".join(name for name in names if name)


class UIRenderer(TemplatesSetting):
    """FORM_RENDERER: {{ form }} and {{ form.field.as_field_group }} come out in our look."""

    form_template_name = "django/forms/ui_form.html"
    field_template_name = "django/forms/ui_field.html"
    bound_field_class = UIBoundField


def refuse(form: Any, refusal: DomainError, **names: str) -> None:
    """Show a service's refusal at the fields it names.

    `names` says what the form calls a field that has another name there.
    """
    errors = refusal.errors if isinstance(refusal, InvalidInput) else []
    for error in errors:
        pointed = error["pointer"].strip("/")
        name = names.get(pointed, pointed)
        form.add_error(name if name in form.fields else None, error["detail"])
    if not errors:
        form.add_error(None, refusal.detail)


class SecretField(forms.CharField):
    """A secret to type: what is stored is never sent back; left empty, it stays as it is."""

    widget = forms.PasswordInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 500, "strip": True, **kwargs})
        self.widget.attrs["autocomplete"] = "new-password"
