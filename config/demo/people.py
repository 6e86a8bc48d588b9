"""The people of the demo: a customer's team and the operator's staff, with generated passwords."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allauth.account.models import EmailAddress

from accounts.models import Membership, Organization, User
from accounts.services.organizations import add_member, create_organization, describe_organization
from accounts.services.team.invitations import invite
from accounts.services.users import create_user
from billing.services.customers import describe_customer
from config.kit import context
from config.kit.ids import random_token


@dataclass(frozen=True, slots=True)
class Person:
    email: str
    first_name: str
    last_name: str
    platform_role: str = User.Role.CUSTOMER
    is_superuser: bool = False


OWNER = Person("ines@halden.example", "Ines", "Halden")
TEAM = [
    (Person("marek@halden.example", "Marek", "Nowak"), Membership.Role.ADMIN),
    (Person("sofia@halden.example", "Sofia", "Papadaki"), Membership.Role.MEMBER),
    (Person("lena@halden.example", "Lena", "Brandt"), Membership.Role.MEMBER),
    (Person("jonas@halden.example", "Jonas", "Weber"), Membership.Role.READONLY),
]
INVITED = "noor@halden.example"
COMPANY, SECOND = "Halden Robotics", "Halden Labs"
SUPPORT = "support@switchyard.example"
STAFF = [
    Person("admin@switchyard.example", "Ada", "Operator", User.Role.ADMIN, is_superuser=True),
    Person(SUPPORT, "Sam", "Support", User.Role.SUPPORT),
    Person("auditor@switchyard.example", "Ruth", "Auditor", User.Role.READONLY),
]


def ensure_person(person: Person, passwords: dict[str, str]) -> User:
    """Return the person, made with a generated password noted in `passwords` if they are new."""
    existing = User.objects.filter(email=person.email).first()
    if existing is not None:
        return existing
    password = random_token(12)
    user = create_user(
        person.email,
        password,
        first_name=person.first_name,
        last_name=person.last_name,
        role=person.platform_role,
        is_superuser=person.is_superuser,
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    passwords[person.email] = password
    return user


def fill_people(passwords: dict[str, str], *, at: datetime) -> tuple[Organization, User]:
    """Make staff, the customer Halden Robotics and its team; repeatable."""
    for person in STAFF:
        ensure_person(person, passwords)
    owner = ensure_person(OWNER, passwords)
    organization = owned(owner, COMPANY) or _found_company(owner, at)
    with context.acting(organization_id=organization.pk):
        for person, role in TEAM:
            add_member(organization, user=ensure_person(person, passwords), role=role)
    if owned(owner, SECOND) is None:
        second = create_organization(name=SECOND, owner=owner, country="AT")
        with context.acting(organization_id=second.pk):
            describe_organization(second, name=SECOND, country="AT", at=at)
    return organization, owner


def fill_invitations(organization: Organization, owner: User, *, at: datetime) -> int:
    """Ask one more colleague, who has not answered yet; returns how many were asked."""
    asked = invite(
        organization, emails=[INVITED], role="member", by=owner, manages_owners=True, at=at
    )
    return sum(each.outcome == "invited" for each in asked)


def staff_member() -> User:
    """Return the colleague at the support desk."""
    return User.objects.get(email=SUPPORT)


def owned(owner: User, name: str) -> Organization | None:
    """Return the owner's organization of this name."""
    held = Membership.objects.filter(user=owner, role="owner", organization__name=name)
    found = held.select_related("organization").first()
    return found.organization if found else None


def _found_company(owner: User, at: datetime) -> Organization:
    organization = create_organization(name=COMPANY, owner=owner, country="DE")
    with context.acting(organization_id=organization.pk):
        describe_organization(organization, name=COMPANY, country="DE", at=at)
        describe_customer(
            organization,
            legal_name="Halden Robotics GmbH",
            address="Werkstraße 12\n80939 München",
            country="DE",
            vat_id="DE136695976",
        )
    return organization
