"""Issuing, changing, rotating and revoking keys, and what the database refuses by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from cryptography.fernet import Fernet
from django.db import IntegrityError, connection, transaction
from django.db.utils import ProgrammingError
from django.utils.timezone import now

from accounts.events import api_key_changed
from accounts.gateways import key_cache
from accounts.models import ApiKey, AuditLog, Organization
from accounts.rules.refusals import (
    AddressNotConfirmed,
    KeyHasExpired,
    KeyIsRevoked,
    KeyWasRotated,
    ScopesNotYours,
    TierTooHigh,
)
from accounts.services import keys
from accounts.services.keys import Credential, checking, publishing, rotation, usage
from accounts.services.keys.hashing import address_of
from config.kit import context
from config.kit.errors import InvalidInput
from config.kit.ids import _fernet, _key_of
from config.kit.scripts import breaker
from tests.conftest import People, WalledClient, behind_the_wall
from tests.factories.keys import make_key
from tests.integration.accounts.keys.conftest import Gateway


def credential(people: People, *scopes: str) -> Credential:
    return Credential(
        people.alice.pk, people.organization.pk, "x", "live", "free", frozenset(scopes), 60
    )


def test_the_text_is_returned_once_and_only_its_hash_is_stored(people: People) -> None:
    """AUT-10: nothing in the table, or in the trail, can be turned back into the key."""
    key, text = make_key(people.organization, people.alice, "usage:read")
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_apikey WHERE id = %s", [key.pk])
        stored = " ".join(map(str, cursor.fetchone()))
        cursor.execute("SELECT coalesce(string_agg(l::text, ' '), '') FROM audit.logs l")
        trail = cursor.fetchone()[0]
    secret = text[len("sw_live_") + 8 : -6]
    assert text not in stored + trail
    assert secret not in stored + trail
    assert key.key_hash in stored
    assert key.key_hash not in trail, "even the hash is masked"
    assert "api_key.issued" in trail
    assert key.masked_key == f"sw_live_{text[8:16]}…{text[-4:]}"


def test_nobody_hands_on_more_than_they_hold(people: People) -> None:
    """Alice may, Bob may only what reads, Charlie and a program only what is theirs."""
    organization = people.organization
    for by, scopes, refused in (
        (people.alice, ["keys:write", "billing:write"], False),
        (people.alice, ["platform:verify"], True),
        (people.alice, ["no:such"], True),
        (people.bob, ["usage:read"], False),
        (people.bob, ["usage:write"], True),
        (people.charlie, ["usage:read"], True),
        (credential(people, "usage:read"), ["usage:read"], False),
        (credential(people, "usage:read"), ["usage:write"], True),
        (credential(people, "platform:verify"), ["platform:verify"], True),
    ):
        with context.acting(organization_id=organization.pk):
            if refused:
                with pytest.raises(ScopesNotYours):
                    keys.issue_key(organization, name="K", scopes=scopes, by=by)
            else:
                keys.issue_key(organization, name="K", scopes=scopes, by=by)


def test_a_change_may_add_only_what_the_changer_holds(people: People) -> None:
    key, _ = make_key(people.organization, people.alice, "billing:write")
    with context.acting(organization_id=people.organization.pk):
        with pytest.raises(ScopesNotYours):
            keys.update_key(
                key,
                {"scopes": ["billing:write", "keys:write"]},
                by=credential(people, "keys:read"),
            )
        kept = keys.update_key(
            key, {"scopes": ["billing:write"], "name": "New"}, by=credential(people)
        )
    assert (kept.name, kept.scopes) == ("New", ["billing:write"])


def test_a_tier_above_the_plan_is_refused(people: People) -> None:
    with context.acting(organization_id=people.organization.pk), pytest.raises(TierTooHigh):
        keys.issue_key(people.organization, name="K", by=people.alice, tier="pro")


def test_an_end_in_the_past_is_refused(people: People) -> None:
    with context.acting(organization_id=people.organization.pk), pytest.raises(InvalidInput):
        keys.issue_key(people.organization, name="K", by=people.alice, expires_at=now())


def test_a_key_of_an_unconfirmed_person_waits_until_the_address_is_confirmed(
    people: People,
) -> None:
    people.alice.emailaddress_set.update(verified=False)
    key, _ = make_key(people.organization, people.alice)
    assert key.status == "pending_verification"
    with (
        context.acting(organization_id=people.organization.pk),
        pytest.raises(AddressNotConfirmed),
    ):
        keys.confirm_key(key, by=people.alice)
    people.alice.emailaddress_set.update(verified=True)
    with behind_the_wall():
        assert keys.confirm_keys_of(people.alice) == 1
    key.refresh_from_db()
    assert key.status == "active"


def test_a_key_that_staff_made_waits_for_an_administrator_of_the_customer(people: People) -> None:
    people.charlie.role = "admin"
    people.charlie.save()
    key, _ = make_key(people.organization, people.charlie, "usage:read")
    assert key.status == "pending_verification"
    with context.acting(organization_id=people.organization.pk):
        assert keys.confirm_key(key, by=people.alice).status == "active"


def test_rotation_hands_everything_on_and_lets_both_work_for_a_while(
    people: People, gateway: Gateway, make: Any, act: Any, time_machine: Any
) -> None:
    start = now()
    key, old = make("usage:read", name="Deploy", metadata={"a": 1}, allowed_cidrs=["10.0.0.0/8"])
    successor, new = act(keys.rotate_key, key, by=people.alice, overlap=timedelta(hours=2))
    assert (successor.name, successor.scopes, successor.metadata) == (
        "Deploy",
        ["usage:read"],
        {"a": 1},
    )
    assert [gateway.verify(text, ip="10.1.1.1")["code"] for text in (old, new)] == ["VALID"] * 2
    time_machine.move_to(start + timedelta(hours=2, seconds=2), tick=False)
    codes = [gateway.verify(text, ip="10.1.1.1")["code"] for text in (old, new)]
    assert codes == ["REVOKED", "VALID"]
    assert act(rotation.end_overlaps, at=now()) == 1
    key.refresh_from_db()
    assert (key.status, key.revoked_reason) == ("revoked", "Replaced by another key")
    assert act(rotation.end_overlaps, at=now()) == 0


def test_a_replaced_key_that_cannot_be_revoked_keeps_no_other_alive(
    people: People, make: Any, act: Any
) -> None:
    first, second = make()[0], make()[0]
    for key in (first, second):
        act(keys.rotate_key, key, by=people.alice, overlap=timedelta(0))

    failures: list[Exception] = [SoftTimeLimitExceeded()]

    def refuse(key: ApiKey, **_: Any) -> None:
        if key.pk == first.pk:
            raise failures[0]

    api_key_changed.connect(refuse)
    try:
        with pytest.raises(SoftTimeLimitExceeded):
            rotation.end_overlaps(at=now())
        failures[0] = LookupError("a bug")
        assert rotation.end_overlaps(at=now()) == 1
    finally:
        api_key_changed.disconnect(refuse)
    assert list(ApiKey.objects.replaced(now())) == [first]


def test_what_cannot_be_rotated_says_why(people: People, act: Any, make: Any) -> None:
    key, _ = make()
    with pytest.raises(InvalidInput):
        act(keys.rotate_key, key, by=people.alice, overlap=timedelta(days=8))
    act(keys.rotate_key, key, by=people.alice)
    with pytest.raises(KeyWasRotated):
        act(keys.rotate_key, key, by=people.alice)
    act(keys.revoke_key, key)
    with pytest.raises(KeyIsRevoked):
        act(keys.rotate_key, key, by=people.alice)
    gone, _ = make()
    ApiKey.objects.filter(pk=gone.pk).update(created_at=now() - timedelta(days=2))
    gone.refresh_from_db()
    act(keys.set_expiry, gone, now() - timedelta(days=1))
    with pytest.raises(KeyHasExpired):
        act(keys.rotate_key, gone, by=people.alice)


def test_a_rotated_platform_key_leaves_that_right_to_staff(
    people: People, make: Any, act: Any
) -> None:
    key, _ = make("keys:verify")
    act(keys.grant_platform_verify, key)
    with behind_the_wall():
        successor, _ = act(keys.rotate_key, key, by=people.alice)
    assert successor.scopes == ["keys:verify"]


def test_revoking_again_changes_nothing_and_a_revoked_key_is_never_changed(
    people: People, make: Any, act: Any
) -> None:
    key, _ = make()
    first = act(keys.revoke_key, key, reason="leaked")
    again = act(keys.revoke_key, key, reason="other")
    assert (again.revoked_at, again.revoked_reason) == (first.revoked_at, "leaked")
    for change in (
        lambda: keys.enable_key(key),
        lambda: keys.set_expiry(key, None),
        lambda: keys.update_key(key, {"name": "x"}, by=people.alice),
    ):
        with pytest.raises(KeyIsRevoked):
            act(change)


def test_what_staff_switched_off_only_staff_switch_on(
    people: People, gateway: Gateway, make: Any, act: Any, alice: WalledClient
) -> None:
    key, text = make()
    act(keys.hold_key, key, reason="found in a public repository")
    assert gateway.verify(text)["code"] == "DISABLED"
    page = f"/api-keys/{key.pk}/"
    shown = alice.get(page).content.decode()
    assert "found in a public repository" in shown
    assert "enable/" not in shown
    asked = alice.patch(
        f"/api/v1/keys/{key.pk}", {"is_active": True}, content_type="application/json"
    )
    assert (asked.status_code, asked.json()["code"]) == (409, "key_held")
    assert alice.post(f"{page}enable/").status_code == 409
    with pytest.raises(ProgrammingError, match="held"), behind_the_wall(), transaction.atomic():
        act(keys.release_key, key, reason="I say so")
    assert gateway.verify(text)["code"] == "DISABLED"
    act(keys.release_key, key, reason="it was a test repository")
    assert gateway.verify(text)["valid"]


def test_what_staff_switched_off_is_not_replaced_either(
    people: People, make: Any, act: Any, alice: WalledClient
) -> None:
    """Its successor would be no key that staff hold."""
    key, _ = make()
    page, door = f"/api-keys/{key.pk}/", f"/api/v1/keys/{key.pk}/rotate"
    assert f"{page}rotate/" in alice.get(page).content.decode()
    act(keys.hold_key, key, reason="found in a public repository")
    assert f"{page}rotate/" not in alice.get(page).content.decode()
    refused = alice.post(f"{page}rotate/", {"overlap": "24"})
    assert (refused.status_code, b"found in a public repository" in refused.content) == (422, True)
    asked = alice.post(door, {}, content_type="application/json")
    assert (asked.status_code, asked.json()["code"]) == (409, "key_held")
    assert ApiKey.objects.for_organization(people.organization).count() == 1
    act(keys.release_key, key, reason="it was a test repository")
    assert alice.post(door, {}, content_type="application/json").status_code == 201


def test_a_change_that_is_refused_changes_nothing(
    people: People, make: Any, act: Any, alice: WalledClient
) -> None:
    key, _ = make()
    act(keys.disable_key, key)
    door = f"/api/v1/keys/{key.pk}"
    for tier, status, is_active in (("enterprise", 422, False), ("free", 200, True)):
        wish = {"is_active": True, "tier": tier}
        answer = alice.patch(door, wish, content_type="application/json")
        assert answer.status_code == status, answer.content
        key.refresh_from_db()
        assert key.is_active is is_active


def test_several_are_revoked_together(people: People, make: Any, act: Any) -> None:
    made = [make()[0] for _ in range(3)]
    act(keys.revoke_key, made[0])
    made[0].refresh_from_db()
    assert act(keys.revoke_keys, made) == 2
    assert ApiKey.objects.for_organization(people.organization).revoked().count() == 3


def test_a_lost_publication_is_made_good_by_the_sweeper(
    gateway: Gateway, make: Any, act: Any
) -> None:
    key, text = make()
    assert gateway.verify(text)["valid"]
    breaker.failed(ConnectionError())
    act(keys.revoke_key, key)
    breaker.succeeded()
    assert gateway.verify(text)["valid"], "the cache was not told"
    assert publishing.sweep_publications() == 1
    assert gateway.verify(text)["code"] == "REVOKED"
    assert publishing.sweep_publications() == 0


def test_a_slow_reader_cannot_bring_back_what_was_revoked(
    gateway: Gateway, make: Any, act: Any
) -> None:
    key, text = make()
    facts = checking._find(text)  # what a slow reader read, before the revocation
    assert facts is not None
    act(keys.revoke_key, key)
    assert key_cache.store(address_of(text), facts) is False
    assert gateway.verify(text)["code"] == "REVOKED"


def test_uses_are_counted_in_redis_and_written_together(
    gateway: Gateway, make: Any, people: People
) -> None:
    key, text = make()
    for address in ("198.51.100.1", "2001:db8::1"):
        gateway.verify(text, ip=address)
    key.refresh_from_db()
    assert (key.usage_count, key.last_used_at) == (0, None)
    assert usage.flush_uses() == 2, "the gateway's own key is used too"
    key.refresh_from_db()
    assert (key.usage_count, key.last_used_ip) == (2, "2001:db8::1")
    assert key.last_used_at is not None
    assert usage.flush_uses() == 0


def test_uses_leave_no_row_in_the_trail(gateway: Gateway, make: Any) -> None:
    key, text = make()
    before = AuditLog.objects.about("accounts_apikey", key.pk).count()
    gateway.verify(text)
    usage.flush_uses()
    assert AuditLog.objects.about("accounts_apikey", key.pk).count() == before


def test_a_flush_that_died_before_confirming_is_done_again(gateway: Gateway, make: Any) -> None:
    key, text = make()
    gateway.verify(text)
    counts, _ = key_cache.take_uses()
    assert counts[str(key.pk)] == 1
    gateway.verify(text)
    assert usage.flush_uses() == 2
    assert usage.flush_uses() == 2, "what came meanwhile waited for its own turn"
    key.refresh_from_db()
    assert key.usage_count == 2


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"expires_at": "created_at"}, "accounts_apikey_valid_expiry"),
        ({"key_hash": "x"}, "accounts_apikey_hashed"),
        ({"tier": "gold"}, "accounts_apikey_tier"),
        ({"held_reason": "why"}, "accounts_apikey_held"),
        ({"status": "revoked"}, "accounts_apikey_status"),
        ({"status": "lost"}, "accounts_apikey_status"),
        ({"name": ""}, "accounts_apikey_name"),
        ({"environment": "demo"}, "accounts_apikey_environment"),
        ({"usage_count": -1}, "accounts_apikey_usage_count"),
        ({"metadata": []}, "accounts_apikey_metadata"),
        ({"published_version": 99}, "accounts_apikey_published"),
    ],
)
def test_the_database_refuses_what_cannot_be(
    people: People, change: dict[str, Any], constraint: str
) -> None:
    key, _ = make_key(people.organization, people.alice)
    if change == {"expires_at": "created_at"}:
        change = {"expires_at": key.created_at}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(**change)


def test_the_database_keeps_a_revoked_key_revoked(people: People, make: Any, act: Any) -> None:
    key, _ = make()
    act(keys.revoke_key, key)
    with pytest.raises(IntegrityError, match="stays revoked"), transaction.atomic():
        ApiKey.objects.filter(pk=key.pk).update(status="active", revoked_at=None)


def test_the_web_process_cannot_grant_platform_verify_nor_buy_nor_delete(
    people: People, make: Any
) -> None:
    """Only the back office's role can; the customers' process has not even the right to try."""
    make()
    for statement in (
        "UPDATE accounts_apikey SET scopes = '{platform:verify}'",
        "DELETE FROM accounts_apikey",
        "INSERT INTO accounts_apiallowance (id) VALUES (gen_random_uuid())",
    ):
        with (
            pytest.raises(ProgrammingError),
            context.acting(organization_id=people.organization.pk),
            transaction.atomic(),
            behind_the_wall(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_keys_of_another_organization_are_behind_the_wall(people: People) -> None:
    make_key(people.organization, people.alice)
    with behind_the_wall(), context.acting(organization_id=people.other.pk):
        assert ApiKey.objects.count() == 0
    with behind_the_wall(), context.acting(organization_id=people.organization.pk):
        assert ApiKey.objects.count() == 1


def test_a_change_of_standing_or_tier_renews_the_versions(people: People) -> None:
    key, _ = make_key(people.organization, people.alice)
    before = ApiKey.objects.get(pk=key.pk).version
    Organization.objects.filter(pk=people.organization.pk).update(name="Northwind Ltd")
    assert ApiKey.objects.get(pk=key.pk).version == before
    Organization.objects.filter(pk=people.organization.pk).update(status="suspended")
    assert ApiKey.objects.get(pk=key.pk).version == before + 1


def test_a_key_hashed_with_an_older_pepper_still_works(
    people: People, gateway: Gateway, make: Any, settings: Any
) -> None:
    _, text = make()
    settings.SECRETS_KEYS = [Fernet.generate_key().decode(), *settings.SECRETS_KEYS]
    _key_of.cache_clear()
    _fernet.cache_clear()
    try:
        key, newer = make()
        assert key.pepper_version == 2
        assert [gateway.verify(each)["code"] for each in (text, newer)] == ["VALID", "VALID"]
    finally:
        settings.SECRETS_KEYS = settings.SECRETS_KEYS[1:]
        _key_of.cache_clear()
        _fernet.cache_clear()
