"""AUD-9: somebody who bought, was told, was invited and was written about is forgotten everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts.models import Organization, User
from accounts.services import announcements
from accounts.services.notifications import notify
from accounts.services.organizations import add_member, create_organization
from accounts.services.privacy import erase_user
from accounts.services.seals.verification import verify_all
from accounts.services.users import create_user
from billing.models import Subscription
from config.kit import context
from licensing.services.trials import start_trial
from support.services.notes import write_note
from tests.conftest import make_people
from tests.factories.backoffice import purchase
from tests.factories.billing import PriceFactory, profile_of
from tests.factories.keys import make_key
from tests.factories.licensing import trial_product
from tests.factories.named import NAMES, named_person
from tests.factories.team import invitation_of
from tests.factories.tokens import leave_traces
from tests.factories.webhooks import endpoint_of
from tests.settled import seal_rows

BY_LAW = {"public.billing_invoice.buyer", "public.billing_invoice.public_html"}
"""Invoices stay as they were written for ten years (in Germany § 147 AO): the buyer of a personal
organization is its person. Nothing else may keep a name."""


@pytest.fixture(autouse=True)
def places(tmp_path: Path, settings: Any) -> None:
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")


def _live(user: User, staff: User, team: Organization) -> None:
    """Let the person do all that a customer does, alone and in somebody else's team."""
    own = create_organization(name="Zephyrine Quillfeather", owner=user, is_personal=True)
    with context.acting(organization_id=own.pk, actor_kind="user", actor_id=str(user.pk)):
        profile_of(own, legal_name="Zephyrine Quillfeather", address="Berlin")
        endpoint_of(own)
        purchase(own, user, PriceFactory.create(), now())
        start_trial(own, product=trial_product(), name="Trial", by=user, at=now())
        make_key(own, user, name="Laptop")
        invitation_of(own, "friend@example.com", by=user)
        notify(own.pk, "invoice_paid", title="Paid", text="Thanks, Zephyrine.", user_id=user.pk)
        Subscription.objects.update(status="ended", ended_at=now())
    with context.acting(organization_id=team.pk):
        endpoint_of(team)
        invitation_of(team, "zephyrine@example.com")
        membership = add_member(team, user=user, role="admin")
        announcements.member_joined(membership)
        make_key(team, user, name="Build")
    leave_traces(user, 1)
    write_note(user, note="Zephyrine called: +49301234567.", is_flagged=True, by=staff)


def _named_columns() -> Iterator[str]:
    """Yield every column of the database that holds one of the names in clear."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname || '.' || c.relname, a.attname FROM pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('public', 'audit', 'series') AND c.relkind IN ('r', 'p')"
            " AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.relispartition"
            " AND has_table_privilege(c.oid, 'SELECT')"
            " AND a.atttypid::regtype::text NOT IN ('uuid', 'boolean', 'integer', 'bigint',"
            " 'timestamp with time zone')"
        )
        for table, column in cursor.fetchall():
            cursor.execute(
                f'SELECT EXISTS (SELECT FROM {table} WHERE lower("{column}"::text) LIKE ANY (%s))',
                [[f"%{name}%" for name in NAMES]],
            )
            if cursor.fetchone()[0]:
                yield f"{table}.{column}"


def test_aud_9_a_customer_is_nowhere_in_clear_but_on_invoices(live_database: None) -> None:
    """AUD-9: every column of every table is searched, before and after."""
    people = make_people()
    staff = create_user("staff@example.com", "correct horse battery", role=User.Role.SUPPORT)
    user = named_person()
    _live(user, staff, people.organization)
    before = set(_named_columns())
    assert {
        "public.accounts_user.phone", "public.accounts_invitation.email",
        "public.accounts_notification.title", "public.accounts_webhookevent.payload",
        "public.billing_invoice.buyer", "public.support_adminnote.note",
    } <= before  # fmt: skip
    erase_user(user, reason="asked by letter")
    assert sorted(set(_named_columns()) - BY_LAW) == []
    seal_rows()
    assert verify_all().breaks == []
