"""Make a member of staff: how the first one comes to be, before anybody can use the back office."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from getpass import getpass
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from accounts.models import User
from accounts.rules.roles import STAFF
from accounts.services.users import create_user
from config.kit import context


class Command(BaseCommand):
    help = (
        "Make a member of staff with a confirmed address. The password is asked for, or read from "
        "--password-file or a pipe: the first line. The back office asks for a second factor."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--role", choices=sorted(STAFF), required=True)
        parser.add_argument(
            "--superuser", action="store_true", help="may do everything; for the role admin"
        )
        parser.add_argument("--password-file", metavar="FILE", help="a file that holds it")

    def handle(self, *args: Any, email: str, role: str, superuser: bool, **options: Any) -> None:
        email = email.strip().lower()
        if superuser and role != User.Role.ADMIN:
            raise CommandError("--superuser goes with --role admin.")
        if User.objects.filter(email__iexact=email).exists():
            raise CommandError(
                "This address has an account: an admin appoints it in the back office."
            )
        try:
            validate_email(email)
            password = _password(options["password_file"])
            validate_password(password, User(email=email))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        with context.acting(actor_kind="operator"), transaction.atomic():
            user = create_user(email, password, role=role, is_superuser=superuser)
            EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        self.stdout.write(f"{email} is staff now, with the role {role}.")
        self.stdout.write(
            f"Next: sign in at {settings.BACKOFFICE_URL} and add a second factor there."
        )


def _password(file: str | None) -> str:
    """Return the password; a person types it twice."""
    if file:
        try:
            return _first_line(Path(file).read_text())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    if not sys.stdin.isatty():
        return _first_line(sys.stdin.readline())
    password = getpass("Password: ")
    if getpass("Password (again): ") != password:
        raise CommandError("The two differ. Nothing was done.")
    return password


def _first_line(text: str) -> str:
    return text.partition("\n")[0].removesuffix("\r")
