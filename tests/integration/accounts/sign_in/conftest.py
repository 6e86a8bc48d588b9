"""A provider to sign in with, on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import override_settings

from accounts.standins.openid.server import OpenIdStandIn


@pytest.fixture
def openid() -> Iterator[OpenIdStandIn]:
    """A running stand-in, set up as the site's provider."""
    provider = OpenIdStandIn()
    provider.start()
    app = {
        "provider_id": "openid",
        "name": "Analytical Login",
        "client_id": provider.client,
        "secret": provider.secret,
        "settings": {"server_url": provider.url},
    }
    providers = {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}
    with override_settings(SOCIALACCOUNT_PROVIDERS=providers):
        yield provider
    provider.stop()
