"""Settings that staff change while the house runs: typed, guarded, in the trail."""

from __future__ import annotations

from typing import Any

from constance.admin import Config, ConstanceAdmin
from constance.forms import ConstanceForm
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.services import live
from config.kit.backoffice import TRAIL


class LiveSettingsForm(ConstanceForm):
    """Secrets are typed anew or left as they are; nothing shows them."""

    def __init__(self, initial: Any, request: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(initial, request, *args, **kwargs)
        self.person = request.user
        for name, setting in settings.LIVE.items():
            self.fields[name].help_text = setting.description
            if setting.kind == live.SEALED:
                self.initial[name] = ""
                self.fields[name].is_set = bool(initial.get(name))

    def save(self) -> list[str]:
        """Store what changed, secrets only when one was typed; return the names."""
        typed = {
            name: value
            for name, value in self.cleaned_data.items()
            if name in settings.LIVE and (value or settings.LIVE[name].kind != live.SEALED)
        }
        return live.change(typed, by=self.person)


class LiveSettingsAdmin(ConstanceAdmin):
    change_list_form = LiveSettingsForm

    def get_config_value(self, name: str, options: Any, form: Any, initial: Any) -> Any:
        shown = super().get_config_value(name, options, form, initial)
        if settings.LIVE[name].kind == live.SEALED:
            shown |= {"value": "set" if initial.get(name) else "", "default": "", "raw_default": ""}
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


admin.site.unregister([Config])
admin.site.register([Config], LiveSettingsAdmin)
