"""Who else may say who somebody is: the sign-in providers that the environment names."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import environ

env = environ.Env()

_HOSTS = {
    "google": "https://accounts.google.com",
    "github": "https://github.com",
    "microsoft": "https://login.microsoftonline.com",
}
_SCOPES = {
    "google": ["openid", "profile", "email"],
    "github": ["read:user", "user:email"],
    "microsoft": ["openid", "profile", "email", "User.Read"],
}


def named_providers(env: environ.Env) -> dict[str, dict[str, Any]]:
    """Return allauth's settings of each provider whose client id is set; none is the default."""
    found: dict[str, dict[str, Any]] = {}
    for name, scope in _SCOPES.items():
        client = env.str(f"{name.upper()}_CLIENT_ID", default="")
        if client:
            app: dict[str, Any] = {
                "client_id": client,
                "secret": env.str(f"{name.upper()}_CLIENT_SECRET", default=""),
            }
            if name == "microsoft":
                app["settings"] = {"tenant": env.str("MICROSOFT_TENANT", default="organizations")}
            found[name] = {"APPS": [app], "SCOPE": scope, "OAUTH_PKCE_ENABLED": True}
    client = env.str("OPENID_CLIENT_ID", default="")
    if client:
        app = {
            "provider_id": "openid",
            "name": env.str("OPENID_NAME", default="Single sign-on"),
            "client_id": client,
            "secret": env.str("OPENID_CLIENT_SECRET", default=""),
            "settings": {"server_url": env.str("OPENID_SERVER_URL").rstrip("/")},
        }
        found["openid_connect"] = {"APPS": [app], "OAUTH_PKCE_ENABLED": True}
    return found


def sign_in_hosts(providers: dict[str, dict[str, Any]]) -> list[str]:
    """Return the origins that a sign-in button leads to: the CSP must let forms go there."""
    hosts = [_HOSTS[name] for name in providers if name in _HOSTS]
    for app in providers.get("openid_connect", {}).get("APPS", []):
        parts = urlsplit(app["settings"]["server_url"])
        hosts.append(f"{parts.scheme}://{parts.netloc}")
    return hosts


# The back office asks for a password and a second factor of ours, and nobody else.
_customers = env.str("SWITCHYARD_PROCESS", default="command") != "backoffice"
SOCIALACCOUNT_PROVIDERS = named_providers(env) if _customers else {}
SIGN_IN_HOSTS = sign_in_hosts(SOCIALACCOUNT_PROVIDERS)
SOCIALACCOUNT_ADAPTER = "accounts.web.connections.adapter.ConnectionAdapter"
SOCIALACCOUNT_FORMS = {"signup": "accounts.web.forms.ProviderSignupForm"}
SOCIALACCOUNT_STORE_TOKENS = False
# A provider's word about an address never opens an account that has it already: its owner signs
# in and connects the provider (docs/decisions/0010-sign-in.md).
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = False
SOCIALACCOUNT_LOGIN_ON_GET = False
