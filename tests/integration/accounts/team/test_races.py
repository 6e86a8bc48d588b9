"""What happens when two do it at once: real threads, real commits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from accounts import events
from accounts.models import ApiKey, Invitation, Membership, Organization, User
from accounts.services import keys
from accounts.services.closing import close_account, close_organization
from accounts.services.organizations import add_member
from accounts.services.platform_roles import change_platform_role
from accounts.services.suspension import suspend_user
from accounts.services.team import invitations, mailing, members, reception
from accounts.services.users import create_user
from billing.models import Invoice, Order
from config.kit import context
from config.kit.errors import DomainError
from licensing.models import TrialWorkspace
from licensing.services.trials import start_trial
from tests.conftest import People, behind_the_wall, make_people
from tests.factories.billing import PriceFactory, order_of, profile_of
from tests.factories.keys import make_key
from tests.factories.licensing import trial_product
from tests.factories.team import invitation_of, token_of
from tests.waiting import until_blocked

ROUNDS = 5


@pytest.fixture
def people(live_database: None) -> People:
    return make_people()


def at_once(people: People, *works: Callable[[], Any], wall: Any = behind_the_wall) -> list[str]:
    """Run each work behind the wall on a connection of its own; return what became of it.

    What staff do is done by the back office's process: `wall=nullcontext`.
    """
    ready = Barrier(len(works))

    def run(work: Callable[[], Any]) -> str:
        try:
            with context.acting(organization_id=people.organization.pk), wall():
                ready.wait(30)
                work()
        except DomainError as refusal:
            return refusal.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def two_owners(people: People) -> list[Membership]:
    with context.acting(organization_id=people.organization.pk):
        Membership.objects.filter(organization=people.organization).update(role="owner")
        for user in (people.alice, people.bob):
            add_member(people.organization, user=user, role="owner")
        return list(Membership.objects.for_organization(people.organization))


def test_of_two_owners_who_leave_at_once_one_stays(people: People) -> None:
    for _ in range(ROUNDS):
        first, second = two_owners(people)
        outcomes = at_once(
            people,
            partial(members.leave, first),
            partial(members.leave, second),
        )
        assert Counter(outcomes) == {"done": 1, "last_owner": 1}
        assert (
            Membership.objects.filter(organization=people.organization, role="owner").count() == 1
        )


def test_of_two_owners_who_demote_each_other_one_stays(people: People) -> None:
    for _ in range(ROUNDS):
        first, second = two_owners(people)
        outcomes = at_once(
            people,
            partial(members.change_role, first, role="member", manages_owners=True),
            partial(members.change_role, second, role="member", manages_owners=True),
        )
        assert Counter(outcomes) == {"done": 1, "last_owner": 1}


def test_the_database_itself_keeps_an_owner_whoever_asks(people: People) -> None:
    """Raw statements of two transactions, each of which sees the other's owner still there."""
    first, second = two_owners(people)
    ready, deleted = Barrier(2), Barrier(2)

    def delete(member: Membership) -> str:
        try:
            with context.acting(organization_id=people.organization.pk), transaction.atomic():
                ready.wait(30)
                Membership.objects.filter(pk=member.pk).delete()
                deleted.wait(30)
        except IntegrityError as error:
            return "last_owner" if "no owner" in str(error) else str(error)
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(delete, [first, second]))
    assert Counter(outcomes) == {"done": 1, "last_owner": 1}


def test_the_database_lets_a_closed_organization_end_and_ownership_move(people: People) -> None:
    owner = Membership.objects.get(organization=people.organization, role="owner")
    heir = Membership.objects.get(organization=people.organization, user=people.bob)
    with context.acting(organization_id=people.organization.pk):
        with transaction.atomic():
            Membership.objects.filter(pk=owner.pk).update(role="admin")
            Membership.objects.filter(pk=heir.pk).update(role="owner")
        with pytest.raises(IntegrityError, match="no owner"), transaction.atomic():
            Membership.objects.filter(pk=heir.pk).update(role="admin")
        people.organization.status = "closed"
        people.organization.save(update_fields=["status"])
        with transaction.atomic():
            Membership.objects.filter(pk=heir.pk).delete()
    assert Membership.objects.filter(organization=people.organization).count() == 1


def test_an_invitation_is_used_once_however_often_it_is_clicked(people: People) -> None:
    invitation = invitation_of(people.organization, "charlie@example.com")
    invited = reception.find_by_token(token_of(invitation))
    outcomes = at_once(
        people,
        *[lambda: reception.accept(invited, user=people.charlie, at=now()) for _ in range(8)],
    )
    assert outcomes == ["done"] * 8, "repeating answers the same"
    rows = Membership.objects.filter(organization=people.organization, user=people.charlie)
    assert rows.count() == 1
    with context.acting(organization_id=people.organization.pk):
        rows.delete()
    outcomes = at_once(
        people,
        *[lambda: reception.accept(invited, user=people.charlie, at=now()) for _ in range(8)],
    )
    assert outcomes == ["invitation_over"] * 8


def test_accepted_or_revoked_but_never_both(people: People) -> None:
    for _ in range(ROUNDS):
        invitation = invitation_of(people.organization, "charlie@example.com")
        invited = reception.find_by_token(token_of(invitation))
        outcomes = at_once(
            people,
            partial(reception.accept, invited, user=people.charlie, at=now()),
            partial(invitations.revoke, invitation, at=now()),
        )
        assert sorted(outcomes) in (["already_member", "done"], ["done", "invitation_over"])
        joined = Membership.objects.filter(organization=people.organization, user=people.charlie)
        stored = Invitation.objects.get(pk=invitation.pk)
        assert (
            joined.exists() == (stored.accepted_at is not None) != (stored.revoked_at is not None)
        )
        with context.acting(organization_id=people.organization.pk):
            joined.delete()


def test_one_address_invited_twice_at_once_gets_one_invitation(people: People) -> None:
    works = [lambda: invitation_of(people.organization, "guest@example.com")] * 6
    assert at_once(people, *works) == ["done"] * 6
    assert Invitation.objects.count() == 1


def test_a_mail_that_two_workers_find_is_sent_once(people: People, mailoutbox: list[Any]) -> None:
    invitation = invitation_of(people.organization)
    works = [lambda: mailing.send_due(invitation.pk, at=now())] * 6
    assert at_once(people, *works) == ["done"] * 6
    assert len(mailoutbox) == 1


def test_closed_or_ordered_but_never_both(people: People) -> None:
    ours = people.organization
    with context.acting(organization_id=ours.pk):
        profile_of(ours)
        price = PriceFactory.create()
    for number in range(ROUNDS):
        facts = {"price": price, "client_key": f"race-{number}", "at": now()}
        outcomes = at_once(
            people,
            partial(close_organization, ours, confirm="Northwind"),
            partial(order_of, Organization.objects.get(pk=ours.pk), **facts),
        )
        assert outcomes in (["done", "organization_not_active"], ["invoice_unpaid", "done"])
        with context.acting(organization_id=ours.pk):
            Organization.objects.filter(pk=ours.pk).update(status="active")
            Invoice.objects.filter(order__client_key=f"race-{number}").update(status="void")
            Order.objects.filter(client_key=f"race-{number}").update(
                status="cancelled", cancelled_at=now()
            )


def refused(work: Callable[[], Any]) -> str:
    try:
        work()
    except DomainError as refusal:
        return refusal.code
    return "done"


def amid(announced: Any, closes: Callable[[], Any], work: Callable[[], Any]) -> list[str]:
    """Close something; when `announced` is sent, begin the work beside it. What became of both."""
    begun: list[Future[str]] = []
    with ThreadPoolExecutor(1) as pool:

        def begin(**_: Any) -> None:
            begun.append(until_blocked(pool, partial(refused, work)))

        announced.connect(begin)
        try:
            closed = refused(closes)
        finally:
            announced.disconnect(begin)
        return [closed, begun[0].result(30)]


def test_nobody_joins_what_closes_with_its_owners_account(people: People) -> None:
    """Alice is alone when the closing looks; Charlie's acceptance comes while it goes on."""
    ours = people.organization
    with context.acting(organization_id=ours.pk):
        Membership.objects.get(organization=ours, user=people.bob).delete()
    invited = reception.find_by_token(token_of(invitation_of(ours, "charlie@example.com")))

    def accept() -> None:
        with context.acting(organization_id=ours.pk), behind_the_wall():
            reception.accept(invited, user=people.charlie, at=now())

    with context.acting(user_id=people.alice.pk), behind_the_wall():
        outcomes = amid(events.user_closing, partial(close_account, people.alice), accept)
    assert outcomes == ["done", "invitation_over"]
    assert Organization.objects.get(pk=ours.pk).is_closed
    assert not Membership.objects.filter(organization=ours, user=people.charlie).exists()


@pytest.mark.parametrize("what", ["key", "successor", "trial"])
def test_nothing_is_made_for_an_organization_that_just_closes(people: People, what: str) -> None:
    ours = people.organization
    key, _ = make_key(ours, people.alice)
    product = trial_product()
    facts = {"name": "Late", "by": people.alice}
    make: Callable[[], Any] = {
        "key": lambda: keys.issue_key(ours, **facts),
        "successor": lambda: keys.rotate_key(key, by=people.alice),
        "trial": lambda: start_trial(ours, product=product, at=now(), **facts),
    }[what]

    def late() -> None:
        with context.acting(organization_id=ours.pk), behind_the_wall():
            make()

    with context.acting(organization_id=ours.pk), behind_the_wall():
        closes = partial(close_organization, ours, confirm="Northwind")
        outcomes = amid(events.organization_closing, closes, late)
    assert outcomes == ["done", "organization_closed"]
    assert not ApiKey.objects.exclude(status="revoked").exists()
    assert not TrialWorkspace.objects.exists()


@pytest.mark.parametrize("doing", ["demote", "suspend"])
def test_of_two_administrators_who_act_on_each_other_one_stays(people: People, doing: str) -> None:
    admins = [create_user(f"{name}@switchyard.example", role="admin") for name in ("ada", "eve")]
    act: Callable[[User], Any] = {
        "demote": partial(change_platform_role, role="support", reason="Race"),
        "suspend": partial(suspend_user, reason="Race"),
    }[doing]
    for _ in range(ROUNDS):
        User.objects.filter(pk__in=[admin.pk for admin in admins]).update(
            role="admin", status=User.Status.ACTIVE
        )

        def on(actor: User, other: User) -> None:
            with context.acting(actor_kind="user", actor_id=str(actor.pk)):
                act(other)

        works = partial(on, *admins), partial(on, *reversed(admins))
        outcomes = at_once(people, *works, wall=nullcontext)
        assert Counter(outcomes) == {"done": 1, "forbidden": 1}
