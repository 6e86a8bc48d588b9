"""Migration operations: a declared series becomes tables, triggers, views and privileges."""

from __future__ import annotations

from typing import Any

from django.db.migrations.operations.base import Operation

from config.kit.timeseries import engine
from config.kit.timeseries.series import Series


class CreateSeries(Operation):
    """Make a series on the engine that this database has; the choice is noted on its table."""

    reversible = True

    def __init__(self, series: Series) -> None:
        self.series = series

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing: the models over the views are unmanaged and stand in the migration."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        connection = schema_editor.connection
        engine.create(connection, self.series, engine.choose(connection))

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        engine.drop(schema_editor.connection, self.series)

    def describe(self) -> str:
        return f"Create the time series {self.series.name}"
