"""AUD-8: secrets of every kind are made, then the whole trail is searched for them."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.db import connection
from django.utils.timezone import now

from accounts.services import keys
from accounts.services.audit_triggers import audited_tables
from accounts.services.privacy import request_export
from config.kit import context
from licensing.services.licenses import reveal_key
from tests.conftest import People
from tests.factories.backoffice import purchase
from tests.factories.billing import PriceFactory

PASSWORD = "canary password 91c4"
FACTOR = "CANARYFACTOR91C4"
# How the names of columns end that hold a secret or its hash.
SECRET = ("password", "secret", "token", "hash", "sealed", "session_key")


def _trail() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(l::text, ' ') FROM audit.logs l")
        return str(cursor.fetchone()[0])


def test_aud_8_no_secret_of_any_kind_is_in_the_trail(people: People) -> None:
    """AUD-8: password, second factor, API key, license key, session, token of an export."""
    price = PriceFactory()
    with context.acting(organization_id=people.organization.pk):
        license = purchase(people.organization, people.alice, price, now())
        key, secret = keys.issue_key(
            people.organization, name="canary", by=people.alice, scopes=["billing:read"]
        )
        license_key = reveal_key(license)
    people.alice.set_password(PASSWORD)
    people.alice.save()
    data = {"secret": get_adapter().encrypt(FACTOR)}
    factor = Authenticator.objects.create(
        user=people.alice, type=Authenticator.Type.TOTP, data=data
    )
    client = people.client(people.alice)
    request_export(people.alice)
    canaries = {
        "password": PASSWORD, "its hash": people.alice.password, "factor": FACTOR,
        "sealed factor": factor.data["secret"], "API key": secret, "its secret part": secret[20:60],
        "API key hash": str(key.key_hash), "license key": license_key,
        "session": str(client.session.session_key),
    }  # fmt: skip
    trail = _trail()
    found = {name for name, canary in canaries.items() if canary in trail}
    assert found == set()


def test_aud_8_every_column_that_sounds_secret_is_masked_or_skipped(db: None) -> None:
    """A new table with such a column fails here until its entry in the registry says mask."""
    loose: list[Any] = []
    with connection.cursor() as cursor:
        for entry in audited_tables():
            columns = connection.introspection.get_table_description(cursor, entry.table)
            guarded = {*entry.mask, *entry.pii}
            loose += [
                f"{entry.table}.{column.name}"
                for column in columns
                if column.name.endswith(SECRET) and column.name not in guarded
            ]
    assert loose == []
