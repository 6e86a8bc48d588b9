"""A person whose names stand nowhere else, so that a search finds all that is kept about them."""

from __future__ import annotations

from accounts.models import User
from accounts.services.users import create_user, update_profile
from config.kit import context

NAMES = ("zephyrine", "quillfeather", "+49301234567")


def named_person() -> User:
    with context.acting(actor_kind="anonymous"):
        user = create_user("zephyrine@example.com", "correct horse battery", first_name="Zephyrine")
        user.emailaddress_set.create(email=user.email, verified=True, primary=True)
        return update_profile(
            user, first_name="Zephyrine", last_name="Quillfeather", phone="+49301234567",
            time_zone="UTC", locale="en",
        )  # fmt: skip
