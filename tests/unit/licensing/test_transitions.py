"""Which status a license may move to."""

from __future__ import annotations

import pytest

from licensing.rules.transitions import TRANSITIONS, LicenseStatus, may_move


@pytest.mark.parametrize("former", list(LicenseStatus))
@pytest.mark.parametrize("wanted", list(LicenseStatus))
def test_only_the_moves_of_the_table_are_allowed(
    former: LicenseStatus, wanted: LicenseStatus
) -> None:
    allowed = {
        "active": {"suspended", "expired", "revoked"},
        "suspended": {"active", "expired", "revoked"},
        "expired": {"active", "revoked"},
        "revoked": set(),
    }
    assert may_move(former, wanted) is (wanted.value in allowed[former.value])


def test_the_table_names_every_status() -> None:
    assert set(TRANSITIONS) == set(LicenseStatus)
