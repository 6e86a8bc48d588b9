"""Everything Django needs; what varies comes from the environment and from nowhere else."""

from __future__ import annotations

from pathlib import Path

import environ

from config.kit import logs

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = Path(env.str("SWITCHYARD_VAR", default=str(BASE_DIR / "var")))

# Which of the processes this is; it decides the database role, the addresses and the CSP.
PROCESS = env.str("SWITCHYARD_PROCESS", default="command")
BACKOFFICE = PROCESS == "backoffice"
DEMO = env.bool("SWITCHYARD_DEMO", default=False)
DEBUG = env.bool("DEBUG", default=False)

# The defaults of secrets serve only commands that need none (lint, makemigrations):
# a system check refuses them in a serving process (config/checks.py).
INSECURE_KEY = "insecure-development-key"
SECRET_KEY = env.str("SECRET_KEY", default=INSECURE_KEY)
INSECURE_SECRETS_KEY = "c3dpdGNoeWFyZC1kZXZlbG9wbWVudC1zZWNyZXRzISE="
SECRETS_KEYS = env.list("SWITCHYARD_SECRETS_KEY", default=[INSECURE_SECRETS_KEY])
"""Fernet keys, newest first. The first seals and hashes API keys, the last is the root of all other
keyed hashes; nothing is sealed or hashed anew, so none may be dropped (docs/operations.md)."""

SITE_NAME = "Switchyard"
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000")
BACKOFFICE_URL = env.str("BACKOFFICE_URL", default="http://127.0.0.1:8001")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = [BACKOFFICE_URL if BACKOFFICE else SITE_URL]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.constance",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.microsoft",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
    "constance",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "accounts",
    "billing",
    "licensing",
    "cloud",
    "iot",
    "support",
    "config",
]

MIDDLEWARE = [
    "config.web.middleware.RequestContextMiddleware",
    "config.web.middleware.SecurityHeadersMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.web.middleware.BodySizeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SessionActivityMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.web.support_view.middleware.ImpersonationMiddleware",
    "accounts.middleware.OrganizationMiddleware",
    "accounts.middleware.RateLimitMiddleware",
    "accounts.middleware.StaffSecondFactorMiddleware",
    "config.web.middleware.RefusalMiddleware",
    "config.web.middleware.ToastMiddleware",
]

ROOT_URLCONF = "config.urls_backoffice" if BACKOFFICE else "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.web.context_processors.shell",
            ],
            "builtins": ["config.templatetags.ui"],
        },
    }
]
FORM_RENDERER = "config.kit.forms.UIRenderer"

# The owner migrates, the app role serves customers behind row-level security, the system role
# works for all tenants (workers, back office, commands).
DATABASE_ROLE = env.str("DATABASE_ROLE", default="app" if PROCESS == "web" else "system")
DATABASES = {
    "default": env.db_url(
        f"DATABASE_{DATABASE_ROLE.upper()}_URL",
        default="postgres://switchyard_system@127.0.0.1:54329/switchyard",
    )
    | {
        "ENGINE": "config.kit.postgres",
        "CONN_MAX_AGE": env.int("DATABASE_CONN_MAX_AGE", default=300),
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": True,
        # Seconds, the last in ms: a host that vanished or a firewall that forgot the connection says
        # nothing, and the system would wait for hours. So a thread gets an error after 30 s.
        "OPTIONS": {
            "connect_timeout": 3,
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        },
    }
}
REPLICA_URL = env.str(f"DATABASE_{DATABASE_ROLE.upper()}_REPLICA_URL", default="")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:63799/0")
_REDIS_CACHE = {
    "BACKEND": "django_redis.cache.RedisCache",
    "LOCATION": REDIS_URL,
    "KEY_PREFIX": "cache",
    "OPTIONS": {
        "SOCKET_CONNECT_TIMEOUT": 0.5,
        "SOCKET_TIMEOUT": 1.0,
        # A cache that is away slows pages down; it must not take them down.
        "IGNORE_EXCEPTIONS": True,
    },
}
CACHES = {
    # Counts failed sign-ins. While Redis is away each process counts for itself, so customers get
    # in and guessing stays bounded; the back office lets nobody in (docs/decisions/0010-sign-in.md).
    "default": _REDIS_CACHE | ({} if BACKOFFICE else {"BACKEND": "config.kit.cache.SteadyCache"}),
    # A copy of a session in a process's memory would outlive the session.
    "sessions": _REDIS_CACHE,
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "media", "base_url": None},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# Only hashed names are served; source maps of third-party files are never asked for compressed.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (
    "jpg", "jpeg", "png", "gif", "webp", "zip", "gz", "tgz", "bz2", "tbz", "xz", "br", "swf",
    "flv", "woff", "woff2", "map",
)  # fmt: skip

# In the demo every mail is a file that the site itself shows at /demo/mail/.
EMAIL_FILE_PATH = str(VAR_DIR / "mail")
if DEMO:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
else:
    vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
# Seconds: without it, a mail server that accepts and stays silent would hold a worker for good.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", default=10)
DEFAULT_FROM_EMAIL = env.str(
    "DEFAULT_FROM_EMAIL", default="Switchyard <no-reply@switchyard.example>"
)
# Mails to the operators, ADMIN_EMAILS.
SERVER_EMAIL = env.str("SERVER_EMAIL", default="") or DEFAULT_FROM_EMAIL
EMAIL_SUBJECT_PREFIX = f"[{SITE_NAME}] "

INSECURE_STRIPE_KEY = "sk_test_switchyard"
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default=INSECURE_STRIPE_KEY)
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="")

# The company whose name stands on invoices; a snapshot is kept on each one.
SELLER = {
    "name": env.str("SELLER_NAME", default="Switchyard Operations GmbH"),
    "address": env.str(
        "SELLER_ADDRESS", multiline=True, default="Gleisdreieck 1\n10963 Berlin\nGermany"
    ),
    "country": env.str("SELLER_COUNTRY", default="DE"),
    "vat_id": env.str("SELLER_VAT_ID", default="DE136695976"),
}

# How many of our own proxies stand before us; only their X-Forwarded-For entries are believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)

# Networks of the operator's own that webhooks may end in (the demo: this machine), and the
# authority that signs certificates there. All other inward addresses are refused.
OUTGOING_PERMITTED_NETWORKS = env.list(
    "OUTGOING_PERMITTED_NETWORKS", default=["127.0.0.1/32"] if DEMO else []
)
OUTGOING_CA_FILE = env.str("OUTGOING_CA_FILE", default="")

# Seals of the audit trail leave the database: best a mount that only appends.
AUDIT_ANCHOR_DIR = env.str("AUDIT_ANCHOR_DIR", default=str(VAR_DIR / "anchors"))
# Keys that sign seals, newest first: 2027=...,2026=...; every seal is verified, so keep old ones.
# Empty derives one from SWITCHYARD_SECRETS_KEY.
AUDIT_SEAL_KEYS = env.dict("AUDIT_SEAL_KEYS", default={})
# Whole months older than this leave the trail; the database refuses less than 12.
AUDIT_KEEP_MONTHS = env.int("AUDIT_KEEP_MONTHS", default=120)

# Who is told when the trail is broken or late.
ADMINS = [("Operator", address) for address in env.list("ADMIN_EMAILS", default=[])]

LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOGGING = logs.dictionary(LOG_LEVEL)
logs.configure()

from config.settings.backoffice import *  # noqa: E402
from config.settings.live import *  # noqa: E402
from config.settings.operations import *  # noqa: E402
from config.settings.providers import *  # noqa: E402
from config.settings.rest import *  # noqa: E402
from config.settings.security import *  # noqa: E402
from config.settings.tasks import *  # noqa: E402
from config.settings.tokens import *  # noqa: E402

if REPLICA_URL:
    DATABASES["replica"] = DATABASES["default"] | env.db_url_config(REPLICA_URL) | {
        "ENGINE": "config.kit.postgres",
        "ATOMIC_REQUESTS": False,  # a transaction begins there only when something is read
        "OPTIONS": DATABASES["default"]["OPTIONS"],
    }  # fmt: skip
    DATABASE_ROUTERS = ["config.operations.replica.ReplicaRouter"]
    MIDDLEWARE.append("config.operations.replica.ReplicaMiddleware")
DATABASES = {alias: pooled(database) for alias, database in DATABASES.items()}
