"""API sessions: who signs access tokens, how long they live, which apps may ask for a login."""

from __future__ import annotations

import environ

env = environ.Env()
_site = env.str("SITE_URL", default="http://127.0.0.1:8000")

# Serves only commands that sign nothing; a system check refuses it in a serving process.
INSECURE_SIGNING_KEY = (
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgc3dpdGNoeWFyZC1kZXZlbG9wbWVudC1zaWduaW5nLWuh"
    "RANCAARCDsS2UpprViov6bg0uYyWInxYjHSTq8/znC6zvu1q+U63PkgkqsK59CcJsizKQQ9W++LvyyaUvUSsmBXXSObA"
)
SIGNING_KEYS = env.list("SWITCHYARD_SIGNING_KEYS", default=[INSECURE_SIGNING_KEY])
"""P-256 private keys (PKCS #8, DER, base64), newest first: the first signs, all are accepted."""

TOKEN_ISSUER = _site
TOKEN_AUDIENCE = f"{_site}/api/v1"
ACCESS_TOKEN_SECONDS = 600

PUBLIC_CLIENTS: dict[str, str] = env.dict(
    "SWITCHYARD_PUBLIC_CLIENTS",
    default={"switchyard-desktop": "Switchyard Desktop", "switchyard-cli": "Switchyard CLI"},
)
"""Apps that may ask a person for a login, by their id. They hold no secret: PKCE protects them."""
