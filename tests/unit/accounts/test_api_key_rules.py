"""The form of a key, networks as text, and which limits hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.rules.addresses import hex_of, is_inside, read_network
from accounts.rules.keys import is_key, make_key
from accounts.rules.scopes import WORDS
from accounts.rules.tiers import DEFAULTS, Tier
from accounts.rules.verdicts import limits_of


def test_a_key_reads_as_one_and_any_other_letter_does_not() -> None:
    text = make_key("test").text
    assert len(text) == 65
    assert is_key(text)
    for place in (3, 9, 20, 60, 64):
        other = "A" if text[place] != "A" else "B"
        assert not is_key(text[:place] + other + text[place + 1 :])
    assert not is_key(f"{text} ")
    assert not is_key(text + "=")


@pytest.mark.parametrize(
    ("network", "address", "inside"),
    [
        ("10.0.0.0/8", "10.255.255.255", True),
        ("10.0.0.0/8", "11.0.0.0", False),
        ("10.0.0.0/8", "::ffff:10.1.1.1", True),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("2001:db8::/32", "10.0.0.1", False),
        ("203.0.113.7", "203.0.113.7", True),
    ],
)
def test_an_address_is_inside_its_network(network: str, address: str, inside: bool) -> None:
    assert is_inside((read_network(network),), address) is inside
    assert not is_inside((read_network(network),), None)
    assert hex_of("no address") == ""


def test_a_key_has_the_lower_of_its_own_tier_and_the_organizations() -> None:
    found = limits_of("free", {"maps": ("pro", 900, 5)})
    assert found["maps"].requests_per_minute == 60
    assert found["maps"].monthly_quota == 5
    everything = limits_of("enterprise", {"": ("pro", 600, None)})[""]
    assert (everything.requests_per_minute, everything.monthly_quota) == (600, None)


@pytest.mark.parametrize(("tier", "rate"), [("free", 60), ("pro", 900), ("enterprise", 6000)])
def test_no_key_has_less_than_was_bought_while_a_trial_gives_more(tier: str, rate: int) -> None:
    tried = {"maps": ("enterprise", 6000, None)}
    found = limits_of(tier, tried, {"maps": ("pro", 900)})
    assert found["maps"].requests_per_minute == rate


def test_a_plan_for_one_api_leaves_all_others_free() -> None:
    found = limits_of("enterprise", {"maps": ("enterprise", 6000, None)})
    assert (found["maps"].requests_per_minute, found["maps"].monthly_quota) == (6000, None)
    assert found[""] == DEFAULTS[Tier.FREE]


def test_the_guide_names_every_scope_and_what_it_opens() -> None:
    guide = (Path(__file__).parents[3] / "docs/api.md").read_text()
    assert [
        row for scope, words in WORDS.items() if (row := f"| `{scope}` | {words} |") not in guide
    ] == []
