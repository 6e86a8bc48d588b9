"""System checks that refuse a bad deployment at start, each with an id and a hint."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

from celery.signals import beat_init, worker_init
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import DatabaseError, connection

from accounts.services.tokens.coding import key_ring

SERVING = {"web", "backoffice", "worker", "beat"}
LOCAL_HOSTS = {"127.0.0.1", "localhost", "::1"}


def check_deployment() -> None:
    """Raise `SystemCheckError` when this process must not serve."""
    tags = [Tags.security, Tags.database]
    # That nothing is wrong is no news.
    call_command("check", tags=tags, databases=["default"], stdout=StringIO())


@worker_init.connect
@beat_init.connect
def refuse_a_bad_worker(**_: Any) -> None:
    try:
        check_deployment()
    except SystemCheckError as error:
        # Celery logs what a receiver raises and goes on; this alone it lets through.
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from error


@register(Tags.security)
def secrets_are_set(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.PROCESS not in SERVING:
        return []
    found: list[CheckMessage] = []
    if settings.SECRET_KEY == settings.INSECURE_KEY:
        found.append(
            Error(
                "SECRET_KEY is not set.",
                hint="Set it to 50 random characters.",
                id="switchyard.E001",
            )
        )
    if settings.INSECURE_SECRETS_KEY in settings.SECRETS_KEYS:
        found.append(
            Error(
                "SWITCHYARD_SECRETS_KEY is not set.",
                hint="Set it to a Fernet key: python -c 'from cryptography.fernet import Fernet; "
                "print(Fernet.generate_key().decode())'",
                id="switchyard.E002",
            )
        )
    return found


@register(Tags.security)
def access_tokens_can_be_signed(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.PROCESS not in SERVING:
        return []
    problem = ""
    if settings.INSECURE_SIGNING_KEY in settings.SIGNING_KEYS:
        problem = "SWITCHYARD_SIGNING_KEYS is not set."
    try:
        key_ring()
    except ValueError as error:
        problem = f"SWITCHYARD_SIGNING_KEYS holds no P-256 private key: {error}"
    if not problem:
        return []
    return [
        Error(
            problem,
            hint="Set it to: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 "
            "-outform DER | base64 -w0",
            id="switchyard.E010",
        )
    ]


@register(Tags.security)
def webhook_secret_is_set(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.PROCESS != "web" or settings.STRIPE_WEBHOOK_SECRET:
        return []
    return [
        Error(
            "STRIPE_WEBHOOK_SECRET is not set.",
            hint="Copy the signing secret of the webhook endpoint from Stripe.",
            id="switchyard.E003",
        )
    ]


@register(Tags.security)
def stripe_key_is_set(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The stand-in on this machine takes any key; Stripe takes none that is published."""
    if settings.PROCESS not in SERVING - {"beat"} or settings.DEMO:
        return []
    is_given = settings.STRIPE_SECRET_KEY not in {"", settings.INSECURE_STRIPE_KEY}
    if is_given or urlsplit(settings.STRIPE_API_BASE).hostname in LOCAL_HOSTS:
        return []
    return [
        Error(
            "STRIPE_SECRET_KEY is not set.",
            hint="Copy the secret key from Stripe.",
            id="switchyard.E011",
        )
    ]


@register(Tags.security)
def demo_is_local(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    local = ("http://127.0.0.1", "http://localhost", "http://[::1]")
    if settings.DEMO and not settings.SITE_URL.startswith(local):
        return [
            Error(
                "SWITCHYARD_DEMO shows every mail to everybody and must not face a network.",
                hint="Unset SWITCHYARD_DEMO and set EMAIL_URL.",
                id="switchyard.E004",
            )
        ]
    return []


@register(Tags.security)
def metrics_have_a_token(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.PROCESS != "backoffice" or settings.DEMO or settings.METRICS_TOKEN:
        return []
    return [
        Warning(
            "METRICS_TOKEN is not set: /metrics is off.",
            hint="Set it to: openssl rand -hex 32",
            id="switchyard.W007",
        )
    ]


@register(Tags.security)
def live_key_has_no_stand_in(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.STRIPE_API_BASE and settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_")):
        return [
            Error(
                "A live Stripe key would be sent to STRIPE_API_BASE.",
                hint="Unset STRIPE_API_BASE, or use a test key with the stand-in.",
                id="switchyard.E005",
            )
        ]
    return []


@register(Tags.database)
def role_cannot_bypass_the_wall(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The process that serves customers must be subject to row-level security and the audit."""
    if settings.PROCESS != "web":
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                # A member may take the other role at any time (SET ROLE).
                "SELECT EXISTS (SELECT 1 FROM pg_roles r"
                " WHERE pg_has_role(current_user, r.oid, 'MEMBER') AND (r.rolsuper"
                " OR r.rolbypassrls OR r.rolname IN ('switchyard_audit', 'switchyard_system')"
                " OR EXISTS (SELECT 1 FROM pg_class WHERE relowner = r.oid)))"
            )
            row = cursor.fetchone()
    except DatabaseError as error:
        return [Warning(f"The database role could not be checked: {error}", id="switchyard.W006")]
    if row is None or row[0]:
        return [
            Error(
                "The web process is connected with a role that could bypass row-level security.",
                hint="Point DATABASE_APP_URL at switchyard_app (manage.py setup_database).",
                id="switchyard.E006",
            )
        ]
    return []
