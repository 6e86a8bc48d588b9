"""Fills the demo: a catalogue, a customer with a year of history, and staff. Repeatable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandParser
from django.utils.timezone import now

from config.demo.catalogue import fill_catalogue
from config.demo.history import fill_history, stand_in_answers
from config.demo.people import fill_people
from config.kit import context


class Command(BaseCommand):
    help = (
        "Fill the demo company through the services. Repeatable: what is there stays. Passwords "
        "are generated, never known; new ones are printed and kept in --credentials."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--credentials", default="", help="JSON file that keeps the passwords")

    def handle(self, *args: Any, **options: Any) -> None:
        with context.use(context.Context(actor_kind="operator")):
            self._fill(options)

    def _fill(self, options: dict[str, Any]) -> None:
        at = now()
        self.stdout.write(f"Catalogue: {fill_catalogue()} products on sale.")
        passwords: dict[str, str] = {}
        organization, owner = fill_people(passwords, at=at)
        self._keep(passwords, options["credentials"])
        if stand_in_answers():
            added = fill_history(organization, owner, now=at)
            self.stdout.write(f"{organization}: {added} orders added.")
        else:
            self.stdout.write("No history: it is only bought from the Stripe stand-in.")

    def _keep(self, passwords: dict[str, str], file: str) -> None:
        for email, password in passwords.items():
            self.stdout.write(f"{email}  {password}")
        if not file or not passwords:
            return
        path = Path(file)
        known = orjson.loads(path.read_bytes()) if path.exists() else {}
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            target.write(orjson.dumps(known | passwords, option=orjson.OPT_INDENT_2))
