"""The ledger refuses, by itself, every statement that would make it wrong. No Django here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests import services

NAME = f"test_{services.WORKER}_ledger"
NEW = "INSERT INTO billing_ledgertransaction (key, kind, reference) VALUES ('{key}', 'test', '{{}}') RETURNING id"
EUR, OTHER, USD = (f"'00000000-0000-7000-8000-00000000000{digit}'::uuid" for digit in "123")
POSTED = "(SELECT id FROM billing_ledgertransaction WHERE key = 'posted')"
LEGS = "INSERT INTO billing_ledgerentry (transaction_id, account_id, currency, amount_minor) VALUES"
LATEST = "currval(pg_get_serial_sequence('billing_ledgertransaction', 'id'))"
BEGIN = (
    "INSERT INTO billing_ledgertransaction (key, kind, reference) VALUES ('attack', 'test', '{}')"
)


def legs(*rows: tuple[str, str, int], to: str = LATEST) -> str:
    return f"{LEGS} " + ", ".join(
        f"({to}, {account}, '{currency}', {amount})" for account, currency, amount in rows
    )


BALANCED = legs((EUR, "EUR", 100), (OTHER, "EUR", -100))
ATTACKS = {
    "unbalanced": [BEGIN, legs((EUR, "EUR", 100), (OTHER, "EUR", -99))],
    "empty": [BEGIN],
    "one-legged": [BEGIN, legs((EUR, "EUR", 100))],
    "cross-currency": [BEGIN, legs((EUR, "EUR", 100), (USD, "USD", -100))],
    "currency of another account": [BEGIN, legs((EUR, "USD", 100), (USD, "USD", -100))],
    "a leg of zero": [BEGIN, legs((EUR, "EUR", 0), (OTHER, "EUR", 0))],
    "leg by leg": [BEGIN, legs((EUR, "EUR", 100)), legs((OTHER, "EUR", -100))],
    "extended at once": [BEGIN, BALANCED, BALANCED],
    "extended later": [legs((EUR, "EUR", 5), (OTHER, "EUR", -5), to=POSTED)],
    "extended in a savepoint": [BEGIN, BALANCED, "SAVEPOINT deeper", BALANCED],
    "emptied by a savepoint": [BEGIN, "SAVEPOINT deeper", BALANCED, "ROLLBACK TO deeper"],
    "constraints made immediate": [
        BEGIN,
        BALANCED,
        "SET CONSTRAINTS ALL IMMEDIATE",
        legs((EUR, "EUR", 777)),
    ],
    "constraints made deferred": ["SET CONSTRAINTS ALL DEFERRED", BEGIN],
    "amount changed": [
        f"UPDATE billing_ledgerentry SET amount_minor = 1 WHERE transaction_id = {POSTED}"
    ],
    "account changed": [f"UPDATE billing_ledgerentry SET account_id = {OTHER}"],
    "upserted": [
        f"{LEGS.replace('(transaction_id', '(id, transaction_id')}"
        f" ((SELECT min(id) FROM billing_ledgerentry), {POSTED}, {EUR}, 'EUR', 1)"
        " ON CONFLICT (id) DO UPDATE SET amount_minor = 1"
    ],
    "entry deleted": ["DELETE FROM billing_ledgerentry"],
    "transaction renamed": [f"UPDATE billing_ledgertransaction SET key = 'x' WHERE id = {POSTED}"],
    "transaction deleted": [f"DELETE FROM billing_ledgertransaction WHERE id = {POSTED}"],
    "entries truncated": ["TRUNCATE billing_ledgerentry"],
    "all truncated": ["TRUNCATE billing_ledgeraccount CASCADE"],
    "posted twice": [NEW.format(key="posted")],
    "one statement, unbalanced": [
        f"WITH t AS ({NEW.format(key='attack')}) {LEGS.removesuffix(' VALUES')}"
        f" SELECT t.id, {EUR}, 'EUR', 5 FROM t UNION ALL SELECT t.id, {OTHER}, 'EUR', -4 FROM t"
    ],
    "as a replica": ["SET session_replication_role = replica", BEGIN, legs((EUR, "EUR", 777))],
    "as a replica, empty": ["SET session_replication_role = replica", BEGIN],
    "as a replica, changed": [
        "SET session_replication_role = replica",
        "UPDATE billing_ledgerentry SET amount_minor = 1",
    ],
    "as a replica, truncated": [
        "SET session_replication_role = replica",
        "TRUNCATE billing_ledgerentry",
    ],
}
# An administrator may do all but break the rules: here only they are in the way.
ROLES = ["switchyard_app", "switchyard_owner", "switchyard_system", "administrator"]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A database of its own with one posting: 500 EUR from sales to cash."""
    services.build_template()
    services.clone(NAME)
    with psycopg.connect(services.admin_url(NAME)) as connection:
        connection.execute(
            "INSERT INTO billing_ledgeraccount (id, code, currency, kind) VALUES"
            f" ({EUR}, 'cash:EUR', 'EUR', 'asset'), ({OTHER}, 'sales:EUR', 'EUR', 'revenue'),"
            f" ({USD}, 'cash:USD', 'USD', 'asset')"
        )
        connection.execute(NEW.format(key="posted"))
        connection.execute(legs((EUR, "EUR", 500), (OTHER, "EUR", -500)))
    yield NAME
    with psycopg.connect(services.admin_url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(NAME)))


def connect(database: str, role: str) -> psycopg.Connection[Any]:
    if role == "administrator":
        return psycopg.connect(services.admin_url(database))
    urls = services.role_urls(database)
    return psycopg.connect(urls[f"DATABASE_{role.removeprefix('switchyard_').upper()}_URL"])


def contents(database: str) -> list[Any]:
    with connect(database, "administrator") as connection:
        return [
            connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
            for table in (
                "billing_ledgeraccount",
                "billing_ledgertransaction",
                "billing_ledgerentry",
            )
        ]


def run(connection: psycopg.Connection[Any], statements: list[str]) -> None:
    for statement in statements:
        connection.execute(statement)
    connection.commit()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("attack", ATTACKS)
def test_the_database_refuses(database: str, role: str, attack: str) -> None:
    before = contents(database)
    with connect(database, role) as connection:
        with pytest.raises(psycopg.Error) as refused:
            run(connection, ATTACKS[attack])
        connection.rollback()
    # Only a superuser may pose as a replica; the app role may not touch the ledger at all.
    if role == "switchyard_app" or (role != "administrator" and attack.startswith("as a")):
        assert isinstance(refused.value, psycopg.errors.InsufficientPrivilege)
    else:
        assert isinstance(refused.value, psycopg.IntegrityError), refused.value
        assert not isinstance(refused.value, psycopg.errors.NotNullViolation)
    assert contents(database) == before


@pytest.mark.parametrize("role", ["switchyard_system", "administrator"])
@pytest.mark.parametrize(
    "attack",
    ["DELETE FROM billing_ledgeraccount", "UPDATE billing_ledgeraccount SET kind = 'equity'"],
)
def test_accounts_stay_as_they_are(database: str, role: str, attack: str) -> None:
    with (
        connect(database, role) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="append-only"),
    ):
        connection.execute(attack)


@pytest.mark.parametrize("role", ROLES[1:])
def test_what_is_right_is_accepted(database: str, role: str) -> None:
    """The attacks above fail for their reason: the same statements, balanced, go through."""
    with connect(database, role) as connection:
        connection.execute(BEGIN)
        connection.execute(BALANCED)
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        connection.rollback()


def test_the_app_role_cannot_even_read_the_ledger(database: str) -> None:
    with connect(database, "switchyard_app") as connection:
        for table in ("billing_ledgeraccount", "billing_ledgertransaction", "billing_ledgerentry"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT 1 FROM {table}")
            connection.rollback()
