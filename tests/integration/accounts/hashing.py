"""A password hasher that counts its work, so that tests compare effort and not seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib.auth.hashers import MD5PasswordHasher

from accounts.models import User


class CountingHasher(MD5PasswordHasher):
    algorithm = "counting"
    computed: ClassVar[int] = 0

    def encode(self, password: str, salt: str) -> str:
        CountingHasher.computed += 1
        return super().encode(password, salt)


HASHERS = ["tests.integration.accounts.hashing.CountingHasher"]
"""For `override_settings(PASSWORD_HASHERS=...)`."""
KINDS = ("known", "unknown", "disabled", "passwordless")


def address_of(kind: str, user: User) -> str:
    """Make `user` an account of the kind; return the address to try. Unknown names nobody."""
    if kind == "unknown":
        return "nobody-here@example.com"
    if kind == "disabled":
        User.objects.filter(pk=user.pk).update(status=User.Status.SUSPENDED)
    else:
        if kind == "passwordless":
            user.set_unusable_password()
        else:
            user.set_password("correct horse battery")
        user.save(update_fields=["password"])
    return user.email


def hashes_of(work: Callable[[], Any]) -> int:
    """Return how many password hashes `work` computed."""
    before = CountingHasher.computed
    work()
    return CountingHasher.computed - before
