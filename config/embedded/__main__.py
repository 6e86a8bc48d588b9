"""`python -m config.embedded`: run, seed, manage, clean. The Makefile is its usual caller."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from config.embedded import registry
from config.embedded.house import ROOT, House, choose_addresses
from config.embedded.keys import load_keys
from config.embedded.launching import (
    EmbeddedError,
    ask_to_die_with_parent,
    parent_was_told_to_leave,
)
from config.embedded.places import outside_folder
from config.embedded.processes import StopRequested, Supervisor
from config.embedded.run import Run
from config.embedded.services import start_services, stop_services
from config.embedded.summary import show_banner, show_summary
from config.embedded.terminal import Terminal


def main(arguments: list[str] | None = None) -> int:
    """Do one command and return its exit code; what stands in the way is said in one sentence."""
    options = _parse(arguments)
    var_dir = Path(options.var).resolve()
    terminal = Terminal()
    supervisor = Supervisor(terminal)
    if options.until_parent_exits:
        ask_to_die_with_parent()
        supervisor = Supervisor(terminal, is_unwanted=parent_was_told_to_leave())
    try:
        if options.command == "run":
            run(var_dir, terminal, supervisor)
        elif options.command == "seed":
            seed(var_dir, terminal, supervisor)
        elif options.command == "manage":
            manage(var_dir, options.arguments)
        else:
            clean(var_dir, terminal)
    except StopRequested:
        return 130
    except EmbeddedError as error:
        terminal.say(f"\n{error}", style="bold red")
        return 1
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m config.embedded", description=__doc__)
    parser.add_argument("--var", default=os.environ.get("SWITCHYARD_VAR", ROOT / "var"))
    parser.add_argument(
        "--until-parent-exits",
        action="store_true",
        help="stop when the process that started this one is gone, even by SIGKILL",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start everything and serve until Ctrl-C")
    commands.add_parser("seed", help="fill the demo company, beside a run or without one")
    managing = commands.add_parser("manage", help="a manage.py command beside a run")
    managing.add_argument("arguments", nargs=argparse.REMAINDER)
    commands.add_parser("clean", help="stop this checkout's servers and remove their data")
    return parser.parse_args(arguments)


def run(var_dir: Path, terminal: Terminal, supervisor: Supervisor) -> None:
    """Serve until somebody asks for the end."""
    registry.claim(var_dir)
    began = time.monotonic()
    with supervisor:
        show_banner(terminal)
        addresses = choose_addresses()
        registry.announce(var_dir, addresses)
        house = Run(var_dir, terminal, supervisor)
        try:
            house.start_servers(addresses)
            house.prepare_database()
            house.collect_static()
            house.start_processes()
            house.seed()
            house.wait_for_answers()
            show_summary(terminal, house.house, time.monotonic() - began)
            supervisor.run_until_stopped()
        except StopRequested:
            pass
        finally:
            terminal.say("\nStopping …")
    terminal.say("Everything has stopped.")


def seed(var_dir: Path, terminal: Terminal, supervisor: Supervisor) -> None:
    """Fill the demo company: beside the run of this checkout, or with servers for the moment."""
    if registry.running_addresses(var_dir) is not None:
        manage(var_dir, ["seed", "--credentials", str(var_dir / "credentials.json")])
        return
    registry.claim(var_dir)
    with supervisor:
        alone = Run(var_dir, terminal, supervisor)
        alone.start_servers(choose_addresses())
        alone.prepare_database()
        alone.start_stripe()
        alone.seed()


def manage(var_dir: Path, arguments: list[str]) -> None:
    """Run a manage.py command with all that the run of this checkout knows."""
    addresses = registry.running_addresses(var_dir)
    if addresses is None:
        raise EmbeddedError("Nothing runs from this checkout. Start it with: make run")
    if not arguments:
        raise EmbeddedError('Name the command, for example: make manage DO="verify_audit"')
    services = start_services(var_dir)
    keys = load_keys(var_dir)
    house = House(var_dir, addresses, keys, services.database_url, services.redis_url)
    command = house.manage(*arguments)
    result = subprocess.run(
        command.arguments, cwd=command.directory, env=command.environment, check=False
    )
    if result.returncode:
        said = " ".join(arguments)
        raise EmbeddedError(f"manage.py {said} ended with exit code {result.returncode}.")


def clean(var_dir: Path, terminal: Terminal) -> None:
    """Stop what runs from this checkout and remove var, and what stands outside for it."""
    if (pid := registry.stop_running(var_dir)) is not None:
        terminal.say(f"stopped the run (process {pid})")
    for folder in (var_dir, var_dir / "test"):
        for name in stop_services(folder):
            terminal.say(f"stopped {name} of {folder}")
        if os.geteuid() == 0:
            shutil.rmtree(outside_folder(folder), ignore_errors=True)
    try:
        if var_dir.exists():
            shutil.rmtree(var_dir)
    except OSError as error:
        raise EmbeddedError(f"{error.filename} could not be removed: {error.strerror}.") from error


if __name__ == "__main__":
    sys.exit(main())
