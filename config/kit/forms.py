"""Forms in our look: Django's renderer and a bound field, no form library."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.forms.renderers import TemplatesSetting


class UIBoundField(BoundField):
    """Adds the classes that the design system styles."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: Any = None) -> dict[str, Any]:
        attrs = super().build_widget_attrs(attrs, widget)
        widget = widget or self.field.widget
        choice = isinstance(
            widget, forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.RadioSelect
        )
        kind = (
            "form-check-input" if choice
            else "form-select" if isinstance(widget, forms.Select) else "form-control"
        )  # fmt: skip
        names = (widget.attrs.get("class", ""), kind, "is-invalid" if self.errors else "")
        attrs["class"] = " ".join(name for name in names if name)
        return attrs


class UIRenderer(TemplatesSetting):
    field_template_name = "django/forms/ui_field.html"
    bound_field_class = UIBoundField
