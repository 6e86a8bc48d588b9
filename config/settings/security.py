"""Passwords, sessions, second factor, cookies and headers."""

from __future__ import annotations

import environ

from config.settings.providers import SIGN_IN_HOSTS

env = environ.Env()
_process = env.str("SWITCHYARD_PROCESS", default="command")
_url = env.str(
    "BACKOFFICE_URL" if _process == "backoffice" else "SITE_URL", default="http://127.0.0.1:8000"
)
HTTPS = _url.startswith("https://")
_prefix = "__Host-" if HTTPS else ""
_name = "backoffice" if _process == "backoffice" else "switchyard"

AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # e-mails are unique without regard to case (accounts_user_email)
    "security.W008",  # TLS ends at the operator's proxy, and so does plain HTTP (docs/deploy.md)
    "security.W021",  # whether a whole domain is preloaded is for its owner to say
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"

# Names are never typed at sign-up: a taken user name would tell who is a customer. With e-mail
# as the only login method, known and unknown addresses cost the same one hash.
ACCOUNT_ADAPTER = "accounts.web.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {
    "signup": "accounts.web.forms.SignupForm",
    "reset_password": "accounts.web.forms.ResetPasswordForm",
}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_MAX_EMAIL_ADDRESSES = 5
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_SIGNUP_REDIRECT_URL = "/welcome/"
ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL = "/welcome/"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
MFA_ADAPTER = "accounts.web.adapters.MfaAdapter"
ACCOUNT_RATE_LIMITS = {
    # Per address of the account and network address together: five wrong passwords, then a pause.
    "login_failed": "10/m/ip,5/300s/key",
    # Per account from anywhere: past it, each network address has one try in `login_slow`.
    "login_failed_account": "50/h/key",
    "login_slow": "1/300s/key",
    "login_notice": "1/d/key",
    "confirm_email": "1/180s/key",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Switchyard"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_FORMS = {
    "authenticate": "accounts.web.factor_forms.UseCodeForm",
    "reauthenticate": "accounts.web.factor_forms.CodeAgainForm",
    "add_webauthn": "accounts.web.factor_forms.AddKeyForm",
    "authenticate_webauthn": "accounts.web.factor_forms.UseKeyForm",
    "login_webauthn": "accounts.web.factor_forms.LoginKeyForm",
    "reauthenticate_webauthn": "accounts.web.factor_forms.KeyAgainForm",
}

SESSION_ENGINE = "config.kit.sessions"
SESSION_CACHE_ALIAS = "sessions"
SESSION_COOKIE_NAME = f"{_prefix}{_name}_session"
SESSION_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Strict" if _process == "backoffice" else "Lax"
SESSION_COOKIE_AGE = 8 * 3600 if _process == "backoffice" else 14 * 86400
CSRF_COOKIE_NAME = f"{_prefix}{_name}_csrf"
CSRF_COOKIE_SECURE = HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE
CSRF_FAILURE_VIEW = "config.web.errors.csrf_failure"

SECURE_SSL_REDIRECT = False
if env.int("TRUSTED_PROXIES", default=0):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# A request's fields, and the whole of it: a batch of reported calls, or a picture in its form.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
LARGEST_BODY = 8 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000  # lists send up to 500 ids at once, with their filters

# Hosts a form may lead to: the payment page lives at the vendor's address.
_stripe = env.str("STRIPE_API_BASE", default="")
PAYMENT_HOSTS = (
    [_stripe] if _stripe else ["https://checkout.stripe.com", "https://billing.stripe.com"]
)
CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "manifest-src": ["'self'"],
    "form-action": ["'self'", *PAYMENT_HOSTS, *SIGN_IN_HOSTS],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
    "report-uri": ["/csp-report/"],
}
if _process == "backoffice":
    # unfold is built on Alpine, which evaluates expressions and sets inline styles.
    CSP |= {
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "form-action": ["'self'"],
    }
