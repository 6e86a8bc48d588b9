"""Invitations: who is asked, what the mail says, who gets in and who does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from accounts.models import AuditLog, Invitation, Membership, Organization, User
from accounts.rules import team as rules
from accounts.services.suspension import reinstate_organization, suspend_organization
from accounts.services.team import invitations, mailing, reception
from config.kit.errors import NotFound, RateLimited
from config.kit.ids import keyed_hash
from tests.conftest import People, WalledClient
from tests.factories.team import invitation_of, joined, person, token_of

pytestmark = pytest.mark.django_db


def _invite(organization: Organization, *emails: str, **facts: Any) -> dict[str, str]:
    wish = {"role": "member", "by": None, "manages_owners": True, "at": now()} | facts
    outcomes = invitations.invite(organization, emails=emails, **wish)
    return {each.email: each.outcome for each in outcomes}


def test_many_are_invited_at_once_and_each_answer_is_told(people: People) -> None:
    ours = people.organization
    assert _invite(ours, "a@example.com") == {"a@example.com": "invited"}
    assert _invite(ours, "a@example.com", "b@example.com", "bob@example.com") == {
        "a@example.com": "already_invited",
        "b@example.com": "invited",
        "bob@example.com": "already_member",
    }
    assert Invitation.objects.count() == 2


def test_an_answer_never_tells_who_has_an_account(alice: WalledClient) -> None:
    """AUT-2: charlie has an account, nobody knows of it here."""
    url = "/api/v1/organization/invitations"
    answers = [
        alice.post(url, {"emails": [email]}, content_type="application/json").json()
        for email in ("charlie@example.com", "nobody@example.com")
    ]
    [known, unknown] = [answer["outcomes"][0] for answer in answers]
    assert known["outcome"] == unknown["outcome"] == "invited"
    assert known.keys() == unknown.keys()
    assert known["invitation"].keys() == unknown["invitation"].keys()


def test_the_mail_names_who_invites_and_its_token_is_kept_only_as_a_hash(people: People) -> None:
    invitation = invitation_of(people.organization, "guest@example.com", by=people.alice)
    assert invitation.token_hash is None
    token = token_of(invitation)
    [message] = mail.outbox
    assert message.to == ["guest@example.com"]
    assert message.subject == "Join Northwind on Switchyard"
    assert f"/invitations/{token}/" in str(message.body)
    [(html, kind)] = message.alternatives
    assert kind == "text/html"
    assert f"/invitations/{token}/" in html
    assert "Alice invites you to join Northwind" in html
    invitation.refresh_from_db()
    assert invitation.token_hash == keyed_hash(reception.PURPOSE, token)
    assert invitation.sent_at is not None
    assert token not in str(list(AuditLog.objects.values_list("new_values", flat=True)))


def test_a_mail_that_was_sent_is_owed_no_more(people: People) -> None:
    invitation = invitation_of(people.organization)
    assert mailing.due_invitations(now()) == [invitation.pk]
    token_of(invitation)
    assert mailing.due_invitations(now() + timedelta(days=1)) == []
    assert not mailing.send_due(invitation.pk, at=now())


def test_a_mail_server_that_is_away_leaves_the_mail_owed(people: People, settings: Any) -> None:
    invitation = invitation_of(people.organization)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with pytest.raises(OSError, match=r"refused|unreachable"):
        mailing.send_due(invitation.pk, at=now())
    assert mailing.due_invitations(now()) == [], "claimed for a while"
    assert mailing.due_invitations(now() + timedelta(hours=7)) == [invitation.pk]


def test_mails_of_a_suspended_customer_keep_no_others_waiting(people: People) -> None:
    waiting = invitation_of(people.organization)
    theirs = invitation_of(people.other)
    suspend_organization(people.organization, reason="Unpaid")
    assert mailing.due_invitations(now(), limit=1) == [theirs.pk]
    assert not mailing.send_due(waiting.pk, at=now())
    reinstate_organization(people.organization, reason="Paid")
    assert mailing.due_invitations(now(), limit=1) == [waiting.pk]


def test_an_invitation_whose_mail_never_went_out_is_sent_again_once_it_has_expired(
    people: People,
) -> None:
    invitation = invitation_of(people.organization)
    later = invitation.expires_at + timedelta(minutes=1)
    assert mailing.due_invitations(later) == [], "its mail would name a link that is dead"
    resent = invitations.resend(invitation, at=later)
    assert (resent.expires_at, resent.mails) == (later + rules.VALID_FOR, 2)
    assert mailing.due_invitations(later) == [invitation.pk]
    assert token_of(invitation, later)


def test_a_confirmed_account_joins_by_the_link_and_only_once(people: People) -> None:
    token = token_of(invitation_of(people.organization, "charlie@example.com", role="admin"))
    charlie = people.client(people.charlie)
    page = charlie.get(f"/invitations/{token}/")
    assert page.status_code == 200
    assert "Join Northwind" in page.content.decode()
    answer = charlie.post(f"/invitations/{token}/")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert charlie.get("/").context["organization"] == people.organization
    membership = Membership.objects.get(organization=people.organization, user=people.charlie)
    assert membership.role == "admin"
    assert charlie.post(f"/invitations/{token}/").status_code == 302, "repeating is harmless"

    membership.delete()
    assert charlie.post(f"/invitations/{token}/").status_code == 410, "used is used"
    assert not Membership.objects.filter(pk=membership.pk).exists()


def test_another_account_is_refused_clearly(people: People) -> None:
    token = token_of(invitation_of(people.organization, "guest@example.com"))
    charlie = people.client(people.charlie)
    page = charlie.get(f"/invitations/{token}/")
    assert page.status_code == 403
    assert "This invitation is for another address" in page.content.decode()
    assert charlie.post(f"/invitations/{token}/").status_code == 403
    assert not Membership.objects.filter(
        organization=people.organization, user=people.charlie
    ).exists()


def test_an_address_that_is_not_confirmed_opens_nothing(people: People) -> None:
    guest = person("guest", verified=False)
    invitation = invitation_of(people.organization, "guest@example.com")
    token = token_of(invitation)
    assert people.client(guest).post(f"/invitations/{token}/").status_code == 403
    assert reception.waiting_for(guest, now()) == []


@pytest.mark.parametrize("known", [True, False])
def test_nobody_sees_the_same_door_whether_the_address_has_an_account(
    people: People, nobody: WalledClient, known: bool
) -> None:
    """AUT-2"""
    email = "charlie@example.com" if known else "unknown@example.com"
    token = token_of(invitation_of(people.organization, email))
    page = nobody.get(f"/invitations/{token}/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "Create an account" in text
    assert "Sign in" in text


def test_a_guest_signs_up_through_the_link_and_is_in(people: People, nobody: WalledClient) -> None:
    token = token_of(invitation_of(people.organization, "guest@example.com"))
    mail.outbox.clear()
    to_sign_up = nobody.post(f"/invitations/{token}/sign-up/")
    assert (to_sign_up.status_code, to_sign_up["Location"]) == (
        302,
        "/signup/?email=guest%40example.com",
    )
    assert 'value="guest@example.com"' in nobody.get(to_sign_up["Location"]).content.decode()
    form = {"email": "guest@example.com", "password1": "correct horse battery"}
    assert nobody.post("/signup/", form).status_code == 302
    guest = User.objects.get(email="guest@example.com")
    [membership] = Membership.objects.filter(user=guest)
    assert (membership.organization, membership.role) == (people.organization, "member")
    assert guest.emailaddress_set.get().verified, "the link has proven the address"
    assert mail.outbox == []
    assert nobody.get("/").context["organization"] == people.organization


def test_a_guest_who_signs_up_with_another_address_gets_an_organization_of_their_own(
    people: People, nobody: WalledClient
) -> None:
    token = token_of(invitation_of(people.organization, "guest@example.com"))
    nobody.post(f"/invitations/{token}/sign-up/")
    form = {"email": "elsewhere@example.com", "password1": "correct horse battery"}
    assert nobody.post("/signup/", form)["Location"].startswith("/confirm-email")
    guest = User.objects.get(email="elsewhere@example.com")
    assert not guest.emailaddress_set.get().verified
    assert [each.organization.is_personal for each in guest.memberships.all()] == [True]


def test_an_invitation_withdrawn_while_signing_up_leaves_an_organization_of_ones_own(
    people: People, nobody: WalledClient
) -> None:
    invitation = invitation_of(people.organization, "guest@example.com")
    token = token_of(invitation)
    nobody.post(f"/invitations/{token}/sign-up/")
    invitations.revoke(invitation, at=now())
    nobody.post("/signup/", {"email": "guest@example.com", "password1": "correct horse battery"})
    guest = User.objects.get(email="guest@example.com")
    assert [each.organization.is_personal for each in guest.memberships.all()] == [True]


def test_whoever_is_signed_in_finds_the_invitations_that_wait(people: People) -> None:
    charlie = people.client(people.charlie)
    invitation = invitation_of(people.organization, "Charlie@Example.com".lower())
    assert "Northwind" in charlie.get("/organizations/").content.decode()
    url = f"/organizations/invitations/{invitation.pk}/accept/"
    assert people.client(people.bob).post(url).status_code == 404
    assert charlie.post(url).status_code == 302
    assert Membership.objects.filter(organization=people.organization, user=people.charlie).exists()


def test_a_link_that_is_over_says_why(people: People) -> None:
    late = invitation_of(people.organization, "charlie@example.com")
    token = token_of(late)
    Invitation.objects.filter(pk=late.pk).update(
        created_at=now() - timedelta(days=8), expires_at=now() - timedelta(days=1)
    )
    charlie = people.client(people.charlie)
    answer = charlie.get(f"/invitations/{token}/")
    assert (answer.status_code, "has expired" in answer.content.decode()) == (410, True)
    with pytest.raises(rules.InvitationExpired):
        reception.accept(reception.find_by_token(token), user=people.charlie, at=now())
    invitations.revoke(late, at=now())
    assert charlie.post(f"/invitations/{token}/").status_code == 410
    assert charlie.get("/invitations/made-up/").status_code == 404
    assert charlie.get(f"/invitations/{'x' * 200}/").status_code == 404


def test_sending_again_makes_a_new_link_and_ends_the_former(people: People) -> None:
    invitation = invitation_of(people.organization, "charlie@example.com")
    first = token_of(invitation)
    with pytest.raises(RateLimited):
        invitations.resend(invitation, at=now())
    later = now() + rules.RESEND_AFTER
    invitations.resend(invitation, at=later)
    second = token_of(invitation, at=later)
    with pytest.raises(NotFound):
        reception.find_by_token(first)
    assert reception.find_by_token(second).email == "charlie@example.com"


def test_an_invitation_is_sent_five_times_at_most(people: People) -> None:
    invitation = invitation_of(people.organization)
    at = now()
    for _ in range(rules.MOST_MAILS - 1):
        token_of(invitation, at=at)
        at += rules.RESEND_AFTER
        invitations.resend(invitation, at=at)
    token_of(invitation, at=at)
    with pytest.raises(rules.TooManyMails):
        invitations.resend(invitation, at=at + rules.RESEND_AFTER)


def test_an_organization_invites_a_hundred_a_day(people: People, alice: WalledClient) -> None:
    for half in range(2):
        emails = [f"guest{half}-{number}@example.com" for number in range(50)]
        assert set(_invite(people.organization, *emails).values()) == {"invited"}
    refused = alice.post(
        "/api/v1/organization/invitations",
        {"emails": ["one.more@example.com"]},
        content_type="application/json",
    )
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused["Retry-After"]) > 86_000
    page = alice.post("/team/invite/", {"emails": "one.more@example.com", "role": "member"})
    assert (page.status_code, "At most 100" in page.content.decode()) == (422, True)


def test_inviting_after_expiry_is_a_new_invitation(people: People) -> None:
    old = invitation_of(people.organization, "guest@example.com")
    later = now() + timedelta(days=8)
    assert _invite(people.organization, "guest@example.com", at=later) == {
        "guest@example.com": "invited"
    }
    old.refresh_from_db()
    assert old.revoked_at == later


def test_only_owners_invite_owners(people: People, alice: WalledClient) -> None:
    anna = joined(people.organization, "anna", "admin")
    url = "/api/v1/organization/invitations"
    wish = {"emails": ["guest@example.com"], "role": "owner"}
    refused = people.client(anna.user).post(url, wish, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "owners_only")
    page = people.client(anna.user).post(
        "/team/invite/", {"emails": "guest@example.com", "role": "owner"}
    )
    assert page.status_code == 422
    assert alice.post(url, wish, content_type="application/json").status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": "created_at"},
        {"role": "emperor"},
        {"email": "nonsense"},
        {"accepted_at": now(), "revoked_at": now()},
    ],
)
def test_the_database_refuses_what_cannot_be(people: People, changes: dict[str, Any]) -> None:
    invitation = invitation_of(people.organization)
    if "expires_at" in changes:
        changes = {"expires_at": invitation.created_at}
    with pytest.raises(IntegrityError), transaction.atomic():
        Invitation.objects.filter(pk=invitation.pk).update(**changes)


def test_an_address_has_one_live_invitation(people: People) -> None:
    first = invitation_of(people.organization, "guest@example.com")
    twin = {"email": "Guest@example.com", "expires_at": now() + timedelta(days=7)}
    with pytest.raises(IntegrityError, match="accounts_invitation_live"), transaction.atomic():
        Invitation.objects.create(organization=people.organization, **twin)
    invitations.revoke(first, at=now())
    Invitation.objects.create(organization=people.organization, **twin)
