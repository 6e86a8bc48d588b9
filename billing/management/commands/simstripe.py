"""``manage.py simstripe``: a stand-in for Stripe on this machine, for tests and the demo."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.standins.stripe import process


class Command(BaseCommand):
    help = "Run the Stripe stand-in: API, hosted checkout page and signed webhooks."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        process.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("host", "port", "data", "webhook_url", "webhook_secret")
        chosen = {name: options[name] for name in names}
        try:
            process.run(**chosen, say=self._say)
        except (OSError, ValueError) as error:
            raise CommandError(f"The stand-in could not start: {error}") from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
