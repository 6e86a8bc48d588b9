"""Fills the demo: a catalogue, a customer with a year behind it, its programs, and staff."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from django.utils.timezone import now

from accounts.models import Organization, User
from config.demo.catalogue import fill_catalogue
from config.demo.clients import fill_clients, fill_export, fill_notes
from config.demo.history import fill_history, stand_in_answers
from config.demo.messages import fill_notifications, webhooks
from config.demo.people import SECOND, fill_invitations, fill_people, owned, staff_member
from config.demo.programs import fill_calls, fill_keys
from config.demo.trials import fill_trials
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
        self._tell("products on sale", fill_catalogue())
        passwords: dict[str, str] = {}
        # The file first: passwords that are lost cannot be had again, people can.
        with transaction.atomic():
            organization, owner = fill_people(passwords, at=at)
            self._keep(passwords, options["credentials"])
        if stand_in_answers():
            self._tell("orders added", fill_history(organization, owner, now=at))
        else:
            self.stdout.write("No history: it is only bought from the Stripe stand-in.")
        with context.acting(
            organization_id=organization.pk, actor_kind="user", actor_id=str(owner.pk)
        ):
            self._fill_identity(organization, owner, at)
        self._tell("reports of desktop clients added", fill_clients(owner, at=at))
        self._tell("exports of data made", fill_export(owner, at=at))
        self._tell("notes of staff written", fill_notes(owner, staff_member()))

    def _fill_identity(self, organization: Organization, owner: User, at: datetime) -> None:
        self._tell("notifications told", fill_notifications(organization, owner))
        self._tell("people invited", fill_invitations(organization, owner, at=at))
        with webhooks(organization) as made:
            self._tell("webhook endpoints added", made)
            self._tell("API keys issued", fill_keys(organization, owner, at=at))
            self._tell("API calls recorded", fill_calls(organization, at=at))
        second = owned(owner, SECOND)
        assert second is not None, "the people come first"
        self._tell("trials started", fill_trials(organization, second, owner, at=at))

    def _tell(self, what: str, count: int) -> None:
        self.stdout.write(f"{count:>7,} {what}")

    def _keep(self, passwords: dict[str, str], file: str) -> None:
        for email, password in passwords.items():
            self.stdout.write(f"{email}  {password}")
        if not file or not passwords:
            return
        path = Path(file)
        known = orjson.loads(path.read_bytes()) if path.exists() else {}
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            target.write(orjson.dumps(known | passwords, option=orjson.OPT_INDENT_2))
        fresh.replace(path)
