"""Settings that staff change while the house runs: typed, guarded, in the trail."""

from __future__ import annotations

from typing import Any

from constance.admin import Config, ConstanceAdmin
from constance.forms import ConstanceForm
from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldBooleanWidget

from accounts.services import live
from config.kit.backoffice import TRAIL


class LiveSettingsForm(ConstanceForm):
    """Secrets are typed anew, left as they are or removed; nothing shows them."""

    def __init__(self, initial: Any, request: Any = None, *args: Any, **kwargs: Any) -> None:
        # A copy: the page asks the caller's own whether a secret is set.
        super().__init__(dict(initial), request, *args, **kwargs)
        self.person = request.user
        self.may_change = self.person.has_perm("constance.change_config")
        for name, setting in settings.LIVE.items():
            field = self.fields[name]
            field.label = _title(name)
            field.help_text = setting.description
            if setting.kind == live.SEALED:
                field.widget = UnfoldAdminPasswordWidget({"autocomplete": "new-password"})
                self.initial[name] = ""
                self.fields[_removal(name)] = forms.BooleanField(
                    required=False, label="Remove it", widget=UnfoldBooleanWidget()
                )

    def save(self) -> list[str]:
        """Store what changed, secrets only when one was typed or removed; return the names."""
        typed = {}
        for name, setting in settings.LIVE.items():
            value = self.cleaned_data[name]
            is_removed = self.cleaned_data.get(_removal(name), False)
            if value or is_removed or setting.kind != live.SEALED:
                typed[name] = value
        return live.change(typed, by=self.person)


class LiveSettingsAdmin(ConstanceAdmin):
    change_list_form = LiveSettingsForm

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        if isinstance(answer, TemplateResponse) and answer.context_data is not None:
            answer.context_data["title"] = "Settings"
            del answer.context_data["opts"]  # its words are those of the library
            answer.status_code = 422 if answer.context_data["form"].is_bound else 200
        return answer

    def get_config_value(self, name: str, options: Any, form: Any, initial: Any) -> Any:
        shown = super().get_config_value(name, options, form, initial)
        setting = settings.LIVE[name]
        shown |= {"is_public": setting.is_public, "is_sealed": setting.kind == live.SEALED}
        if shown["is_sealed"]:
            is_set = bool(initial.get(name))
            removal = form[_removal(name)] if is_set and form.may_change else None
            shown |= {"value": "", "default": "", "raw_default": ""}
            shown |= {"is_set": is_set, "removal": removal}
        return shown

    def history_view(
        self, request: HttpRequest, object_id: Any = None, extra_context: Any = None
    ) -> HttpResponse:
        """Show the audit trail: it also knows what a command changed."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(f"{reverse(TRAIL)}?entity_type=constance_constance")

    def _log_config_change(self, request: HttpRequest, changed_fields: list[str]) -> None:
        """Leave Django's own log empty: `live.change` has told the trail."""


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize().replace(" url", " address")


def _removal(name: str) -> str:
    return f"remove_{name}"


admin.site.unregister([Config])
admin.site.register([Config], LiveSettingsAdmin)
