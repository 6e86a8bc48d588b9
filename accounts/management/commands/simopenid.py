"""``manage.py simopenid``: a stand-in for an OpenID Connect provider, for tests and the demo."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.standins.openid.server import OpenIdStandIn


class Command(BaseCommand):
    help = "Run the OpenID Connect stand-in: discovery, sign-in page, tokens; faults on request."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
        parser.add_argument("--port", type=int, default=8003)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            provider = OpenIdStandIn(host=options["host"], port=options["port"])
        except (OSError, ValueError) as error:
            raise CommandError(f"The stand-in could not start: {error}") from error
        provider.start()
        self.stdout.write(
            f"OPENID_SERVER_URL={provider.url}\nOPENID_CLIENT_ID={provider.client}\n"
            f"OPENID_CLIENT_SECRET={provider.secret}"
        )
        self.stdout.flush()
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()
        provider.stop()
