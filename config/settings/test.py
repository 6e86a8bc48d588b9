"""The only variant of the settings: the same house with fast hashing and plain static files."""

from __future__ import annotations

from config.settings.base import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
DATABASES["default"]["CONN_MAX_AGE"] = 0
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
# Read once, when the database is made: what a page costs must not depend on the clock.
LIVE_SETTINGS_SECONDS = 10**9
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
