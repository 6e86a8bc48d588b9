"""The door for web servers: the customer site or the back office, by SWITCHYARD_PROCESS."""

from __future__ import annotations

import os

from django.core.checks import Tags
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

application = get_wsgi_application()

# Servers do not run Django's checks by themselves; a bad deployment must not start to serve.
call_command("check", tags=[Tags.security, Tags.database], databases=["default"])
