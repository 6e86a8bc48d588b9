"""The door for web servers: the customer site or the back office, by SWITCHYARD_PROCESS."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
django.setup(set_prefix=False)

from config.checks import check_deployment  # noqa: E402  needs the apps
from config.handler import SwitchyardHandler  # noqa: E402  needs the apps

# Servers do not run Django's checks by themselves; a bad deployment must not start to serve.
check_deployment()

application = SwitchyardHandler()
