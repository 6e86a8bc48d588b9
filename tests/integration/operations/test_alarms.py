"""The alarms that docs/operations.md recommends, held against what /metrics says."""

from __future__ import annotations

import re

import pytest

from config.operations import database
from config.operations.backups import archive
from config.operations.gauges import House
from tests import services

# Counted where requests are answered, from the first one on; none answered is no error.
BY_REQUESTS = {"switchyard_http_request_seconds_count"}


def _alarms() -> dict[str, str]:
    page = (services.ROOT / "docs/operations.md").read_text()
    table = page.partition("| alarm | expression |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (.+?) \| `(.+)` \|$", table, re.MULTILINE)
    assert len(rows) == table.count("\n| ")
    return dict(rows)


@pytest.mark.usefixtures("db", "backup_folder")
def test_an_alarm_on_what_a_house_may_not_have_is_raised_by_its_absence_too() -> None:
    """No backup, no proof, no beat, no replica: what never was has no age, and is told by nobody."""
    database.forget()
    assert archive.all_backups() == []
    told = {sample.name for family in House().collect() for sample in family.samples}
    assert {"switchyard_backups", "switchyard_workers_alive", "switchyard_part_up"} <= told
    alarms = _alarms()
    assert len(alarms) > 10
    for alarm, expression in alarms.items():
        for name in set(re.findall(r"switchyard_\w+", expression)) - told - BY_REQUESTS:
            if name != "switchyard_backup_proof_good":  # told together with the age of the proof
                assert f"absent({name})" in expression, alarm


def test_an_alarm_compares_series_of_the_same_labels() -> None:
    """A sum has none, and is never equal in them to a gauge that has those of its process."""
    for alarm, expression in _alarms().items():
        left, compared, right = expression.partition(" > ")
        if compared and left.startswith("sum(") and "switchyard_" in right:
            assert "sum(" in right, alarm
