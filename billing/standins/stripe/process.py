"""Runs the stand-in as a process of its own until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable

from billing.standins.stripe.server import StripeStandIn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=8002, help="0 chooses a free one")
    parser.add_argument(
        "--data",
        default="var/simstripe.sqlite3",
        help="the file that survives a restart; ':memory:' keeps nothing",
    )
    parser.add_argument("--webhook-url", default="", help="where events are sent")
    parser.add_argument("--webhook-secret", default="", help="what they are signed with")


def run(
    *,
    host: str,
    port: int,
    data: str,
    webhook_url: str,
    webhook_secret: str,
    say: Callable[[str], object],
) -> None:
    """Serve until SIGTERM or Ctrl-C; call from the main thread."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    vendor = StripeStandIn(host=host, port=port, data=data)
    if webhook_url:
        vendor.send_webhooks_to(webhook_url, webhook_secret)
    vendor.start()
    say(f"Stripe stand-in at {vendor.url}")
    stopped.wait()
    vendor.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for Stripe, for tests and demos.")
    add_arguments(parser)
    run(**vars(parser.parse_args()), say=_say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
