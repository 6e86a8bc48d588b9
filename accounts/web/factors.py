"""Pages of second factors that allauth leaves open longer than we do."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.mfa.recovery_codes import views as recovery
from django.urls import path

_lately = reauthentication_required(app="allauth.mfa")

# Recovery codes are a way in: a session left open must not show them.
urlpatterns = [
    path("recovery-codes/", _lately(recovery.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "recovery-codes/download/",
        _lately(recovery.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
]
