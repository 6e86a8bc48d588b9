"""What the database itself refuses and counts, whoever writes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError

from config.kit import context
from licensing.models import DeviceLink, License
from tests.conftest import People, behind_the_wall
from tests.factories.licensing import AT, device_of, license_of

pytestmark = pytest.mark.django_db


def execute(statement: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def version(license: License) -> int:
    return License.objects.values_list("version", flat=True).get(pk=license.pk)


@pytest.fixture
def license(people: People) -> License:
    return license_of(people.organization)


@pytest.mark.parametrize(
    "change",
    ["max_devices = 9", "expires_at = now() + interval '1 day'", "plan = 'other'",
     "starts_at = now()", "status = 'revoked'",
     "status = 'suspended', suspended_reason = 'abuse'"],
)  # fmt: skip
def test_raw_sql_moves_the_version_too(license: License, change: str) -> None:
    execute(f"UPDATE licensing_license SET {change} WHERE id = %s", license.pk)
    assert version(license) == 2


def test_devices_move_the_version_of_their_license(license: License) -> None:
    link = device_of(license).device
    assert version(license) == 2
    DeviceLink.objects.filter(pk=link.pk).update(deactivated_at=AT)
    assert version(license) == 3
    DeviceLink.objects.filter(pk=link.pk).update(last_seen_at=AT, name="Renamed")
    assert version(license) == 3
    DeviceLink.objects.filter(pk=link.pk).delete()
    assert version(license) == 4


def test_a_version_never_falls(license: License) -> None:
    device_of(license)
    execute("UPDATE licensing_license SET version = 1 WHERE id = %s", license.pk)
    assert version(license) == 2


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("max_devices = 0", "licensing_license_max_devices"),
        ("status = 'lost'", "licensing_license_status"),
        ("status = 'suspended'", "licensing_license_suspended_reason"),
        ("suspended_reason = 'abuse'", "licensing_license_suspended_reason"),
        ("key_hash = 'SWY-PLAIN'", "licensing_license_key_hashed"),
        ("expires_at = starts_at - interval '1 second'", "licensing_license_forward"),
        ("published_version = 99", "licensing_license_published"),
    ],
)
def test_an_impossible_license_is_refused(license: License, change: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        execute(f"UPDATE licensing_license SET {change} WHERE id = %s", license.pk)


@pytest.mark.parametrize(
    ("facts", "constraint"),
    [
        ({"device_id": ""}, "licensing_device_id"),
        ({"name": ""}, "licensing_device_name"),
        ({"token_hash": "sydt_plain"}, "licensing_device_token_hashed"),
        ({"deactivated_at": AT - timedelta(days=1)}, "licensing_device_forward"),
    ],
)
def test_an_impossible_device_is_refused(
    license: License, facts: dict[str, Any], constraint: str
) -> None:
    link = device_of(license).device
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        DeviceLink.objects.filter(pk=link.pk).update(**facts)


def test_a_device_cannot_be_another_tenants_than_its_license(
    license: License, people: People
) -> None:
    link = device_of(license).device
    moved = DeviceLink.objects.filter(pk=link.pk)
    with pytest.raises(IntegrityError, match="licensing_device_tenant"), transaction.atomic():
        moved.update(organization=people.other)


def test_two_rows_for_one_device_are_refused(license: License) -> None:
    link = device_of(license, "edge-1").device
    with pytest.raises(IntegrityError, match="licensing_device_once"), transaction.atomic():
        DeviceLink.objects.create(
            license=license, organization_id=license.organization_id, device_id=link.device_id,
            name="Twin", token_hash="0" * 64, activated_at=AT,
        )  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE licensing_license SET max_devices = 99",
        "UPDATE licensing_license SET status = 'active'",
        "UPDATE licensing_license SET expires_at = NULL",
        "DELETE FROM licensing_license",
        "DELETE FROM licensing_devicelink",
    ],
)
def test_the_web_process_cannot_give_itself_a_better_license(
    license: License, statement: str
) -> None:
    with (
        context.acting(organization_id=license.organization_id),
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        behind_the_wall(),
    ):
        execute(statement)


def test_the_look_ups_return_one_row_for_its_secret_and_nothing_for_none(
    license: License, people: People
) -> None:
    device = device_of(license, "edge-1")
    license_of(people.other)
    with behind_the_wall():
        assert execute("SELECT count(*) FROM licensing_license") == [(0,)]
        find = "SELECT license_id FROM licensing_find_license(%s, %s)"
        assert execute(find, license.key_hash, None) == [(license.pk,)]
        assert execute(find, "0" * 64, None) == []
        assert execute(find, None, None) == []
        find = "SELECT link_id FROM licensing_find_device(%s, %s)"
        assert execute(find, None, device.device.token_hash) == [(device.device.pk,)]
        assert execute(find, license.pk, device.device.token_hash) == []
        assert execute(find, device.device.pk, None) == []
