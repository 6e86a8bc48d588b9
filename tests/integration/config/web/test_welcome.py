"""The welcome page and the organization's own."""

from __future__ import annotations

import pytest
from django.utils.timezone import now

from accounts.models import Organization
from billing.models import BillingProfile
from tests.conftest import People, WalledClient

DESCRIPTION = {"name": "Acme Robotics", "country": "DE", "vat_id": "DE136695976"}


def test_the_welcome_page_stores_organization_and_billing_profile(
    alice: WalledClient, people: People
) -> None:
    answer = alice.post("/welcome/", DESCRIPTION)
    assert (answer.status_code, answer["Location"]) == (302, "/welcome/goals/")
    organization = Organization.objects.get(pk=people.organization.pk)
    assert (organization.name, organization.country) == ("Acme Robotics", "DE")
    assert organization.welcomed_at is not None
    profile = BillingProfile.objects.get(organization=organization)
    assert (profile.legal_name, profile.country, profile.vat_id) == (
        "Acme Robotics", "DE", "DE136695976",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\0b"),
        ("country", "XX"),
        ("country", ""),
        ("vat_id", "DE1"),
        ("vat_id", "FR123"),
    ],
)
def test_a_bad_answer_is_refused_beside_its_field_and_nothing_is_stored(
    alice: WalledClient, people: People, field: str, value: str
) -> None:
    answer = alice.post("/welcome/", DESCRIPTION | {field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    organization = Organization.objects.get(pk=people.organization.pk)
    assert (organization.name, organization.welcomed_at) == ("Northwind", None)


def test_the_welcome_page_can_be_skipped_and_does_not_come_back(
    alice: WalledClient, people: People
) -> None:
    assert alice.post("/welcome/", {"skip": "1"})["Location"] == "/"
    organization = Organization.objects.get(pk=people.organization.pk)
    assert (organization.name, organization.country) == ("Northwind", "DE")
    assert alice.get("/welcome/")["Location"] == "/"


def test_a_member_who_may_not_manage_is_not_asked(bob: WalledClient) -> None:
    assert bob.get("/welcome/")["Location"] == "/"
    assert bob.post("/welcome/", DESCRIPTION)["Location"] == "/"
    assert bob.get("/settings/organization/").status_code == 403


def test_every_goal_leads_somewhere(alice: WalledClient) -> None:
    page = alice.get("/welcome/goals/")
    assert page.status_code == 200
    for address in ("/catalog/", "/2fa/totp/activate/", "/api/docs/", "/"):
        assert f'href="{address}"' in page.content.decode()
        assert alice.get(address).status_code in (200, 302)


def test_renaming_the_organization_leaves_the_invoices_details_alone(
    alice: WalledClient, people: People
) -> None:
    Organization.objects.filter(pk=people.organization.pk).update(welcomed_at=now())
    BillingProfile.objects.create(
        organization=people.organization, legal_name="Northwind GmbH", country="AT"
    )
    answer = alice.post("/settings/organization/", {"name": "Northwind Labs", "country": "DE"})
    assert (answer.status_code, answer["Location"]) == (302, "/settings/organization/")
    profile = BillingProfile.objects.get(organization=people.organization)
    assert (profile.legal_name, profile.country) == ("Northwind GmbH", "AT")
    assert Organization.objects.get(pk=people.organization.pk).name == "Northwind Labs"
