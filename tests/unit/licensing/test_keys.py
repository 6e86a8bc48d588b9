"""License keys: what people mistype is caught, what they type differently is read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from licensing.rules.keys import ALPHABET, check_character, make_key, read_key, write_key

bodies = st.text(alphabet=ALPHABET, min_size=24, max_size=24).map(
    lambda random: random + check_character(random)
)


@given(bodies, st.integers(0, 24), st.sampled_from(ALPHABET))
def test_every_single_wrong_character_is_caught(body: str, place: int, symbol: str) -> None:
    changed = body[:place] + symbol + body[place + 1 :]
    assert read_key(changed) == (body if changed == body else None)


@given(bodies, st.integers(0, 23))
def test_every_swap_of_neighbours_is_caught(body: str, place: int) -> None:
    swapped = body[:place] + body[place + 1] + body[place] + body[place + 2 :]
    assert read_key(swapped) == (body if swapped == body else None)


def test_all_errors_of_one_key_are_caught() -> None:
    body = read_key(make_key())
    assert body
    for place, right in enumerate(body):
        for wrong in set(ALPHABET) - {right}:
            assert read_key(body[:place] + wrong + body[place + 1 :]) is None


@given(bodies)
def test_a_key_is_read_however_it_is_typed(body: str) -> None:
    key = write_key(body)
    assert read_key(key) == body
    assert read_key(f"  {key.lower()} \n") == body
    assert read_key(key.replace("-", " ")) == body
    assert read_key(body) == body
    assert read_key(key.replace("0", "O").replace("1", "l")) == body
    assert read_key(key.replace("0", "o").replace("1", "I")) == body


@given(st.text(max_size=200))
def test_any_text_is_answered_without_an_error(text: str) -> None:
    body = read_key(text)
    assert body is None or set(body) <= set(ALPHABET)


def test_a_key_has_the_form_that_is_documented() -> None:
    prefix, *groups = make_key().split("-")
    assert prefix == "SWY"
    assert [len(group) for group in groups] == [5] * 5
    assert all(set(group) <= set(ALPHABET) for group in groups)


def test_a_hundred_thousand_keys_are_all_different_and_all_readable() -> None:
    made = {make_key() for _ in range(100_000)}
    assert len(made) == 100_000
    assert all(read_key(key) for key in made)
