"""Bring recorded API calls from Redis into PostgreSQL, once or for as long as it is let."""

from __future__ import annotations

import signal
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.gateways import call_stream
from accounts.services.calls import ingest

PAUSE = 0.2


class Command(BaseCommand):
    help = (
        "Write the API calls that wait in Redis to PostgreSQL. Beat does it every two seconds; a "
        "process of its own (--forever) serves who records more than a worker should carry. "
        "Several may run; SIGTERM ends one after its batch; a killed one loses nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--forever", action="store_true", help="go on until SIGTERM")
        parser.add_argument("--batch", type=int, default=ingest.BATCH, help="calls a transaction")
        parser.add_argument(
            "--claim-after",
            type=int,
            default=ingest.ABANDONED_MS,
            metavar="MS",
            help="take over entries that another flusher holds for longer",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopped = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        call_stream.open_group()
        name, written = ingest.consumer_name(), 0
        while not self.stopped:
            done = ingest.flush(name, idle_ms=options["claim_after"], most=options["batch"])
            written += done
            if not done:
                if not options["forever"]:
                    break
                time.sleep(PAUSE)
        self.stdout.write(f"{written} entries written.")

    def _stop(self, *_: Any) -> None:
        self.stopped = True
