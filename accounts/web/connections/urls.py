"""Doors of the providers; those that the environment does not name lead nowhere."""

from __future__ import annotations

from allauth.socialaccount import views as allauth
from allauth.socialaccount.providers.github.views import GitHubOAuth2Adapter
from allauth.socialaccount.providers.google.views import GoogleOAuth2Adapter
from allauth.socialaccount.providers.microsoft.views import MicrosoftGraphOAuth2Adapter
from django.urls import path

from accounts.web.connections import views
from accounts.web.connections.openid import OpenIdAdapter

_DOORS = {
    "openid": OpenIdAdapter,
    "google": GoogleOAuth2Adapter,
    "github": GitHubOAuth2Adapter,
    "microsoft": MicrosoftGraphOAuth2Adapter,
}

urlpatterns = [
    path("security/connections/", views.connections, name="socialaccount_connections"),
    path(
        "security/connections/<int:connection>/disconnect/",
        views.disconnect_provider,
        name="disconnect_provider",
    ),
    path("sign-in/sign-up/", allauth.signup, name="socialaccount_signup"),
    path("sign-in/cancelled/", allauth.login_cancelled, name="socialaccount_login_cancelled"),
    path("sign-in/error/", allauth.login_error, name="socialaccount_login_error"),
]
for _name, _adapter in _DOORS.items():
    _there, _back = views.door(_adapter)
    urlpatterns += [
        path(f"sign-in/{_name}/", _there, name=f"{_name}_login"),
        path(f"sign-in/{_name}/callback/", _back, name=f"{_name}_callback"),
    ]
