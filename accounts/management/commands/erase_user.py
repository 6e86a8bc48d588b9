"""Forget a person: close their account and take their name out of every table and the trail."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.models import User
from accounts.services.privacy.erasure import StaffAccount, erase_user
from accounts.services.privacy.holdings import holdings_of_person
from config.kit import context
from config.kit.errors import DomainError


class Command(BaseCommand):
    help = (
        "Close the account of an e-mail address and erase what names the person, for good. The "
        "audit trail keeps salted hashes and verifies as before; invoices stay as the law wants."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--reason", default="", help="kept in the trail; names nobody")
        parser.add_argument("--dry-run", action="store_true", help="show what is kept about them")

    def handle(self, *args: Any, email: str, reason: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            raise CommandError("Nobody has this address.")
        if options["dry_run"]:
            self._show(user)
            return
        if not reason:
            raise CommandError("Say why: --reason 'asked by letter of 3 March'.")
        try:
            with context.acting(actor_kind="operator"):
                erased = erase_user(user, reason=reason)
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stdout.write(f"Erased. {erased} personal values left the trail.")

    def _show(self, user: User) -> None:
        if user.role != User.Role.CUSTOMER:
            raise CommandError(StaffAccount.message)
        for holding in holdings_of_person(user):
            if count := holding.count():
                self.stdout.write(f"{holding.table}: {count}")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit.pii WHERE subject_id = %s", [str(user.pk)])
            self.stdout.write(f"personal values in the trail: {cursor.fetchone()[0]}")
        self.stdout.write("Nothing was changed.")
