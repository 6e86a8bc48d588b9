"""The door for web servers: the customer site or the back office, by SWITCHYARD_PROCESS."""

from __future__ import annotations

import os

import django
from django.core.checks import Tags
from django.core.management import call_command

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
django.setup(set_prefix=False)

# Servers do not run Django's checks by themselves; a bad deployment must not start to serve.
call_command("check", tags=[Tags.security, Tags.database], databases=["default"])

from config.handler import SwitchyardHandler  # noqa: E402  needs the apps

application = SwitchyardHandler()
