"""What libraries may not show in the back office: their pages read secrets and edit rows."""

from __future__ import annotations

from django.apps import apps
from django.contrib import admin

OURS = frozenset({"accounts", "billing", "licensing", "cloud", "iot", "support", "constance"})
"""Apps whose pages look, ask and guard as `StaffAdmin` does. What is not named here is hidden."""


def hide_foreign_pages() -> None:
    """Take every page of another app out. A library that registers a new one shows none either."""
    foreign = [model for model in apps.get_models() if model._meta.app_label not in OURS]
    admin.site.unregister([model for model in foreign if admin.site.is_registered(model)])


hide_foreign_pages()
