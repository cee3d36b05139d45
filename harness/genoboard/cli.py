"""The command line: parse, call, print; no decisions."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from io import StringIO
from itertools import pairwise
from typing import NoReturn

import click

from .commands import compete, describe, enter, host, judge, keep, new, publish
from .errors import GenoboardError, InvalidSubmission, UsageError
from .terminal import Shown, installed, print_json, tell
from .version import __version__


class Face(click.Group):
    """The group of commands, with those that plugins bring; plugins are loaded only when a word is not one of our own."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return our own command, else a plugin's."""
        if super().get_command(ctx, cmd_name) is None:
            installed().add_commands(self)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest commands when there is none of that name."""
        from .errors import UnknownName

        if args and not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise UnknownName("command", args[0], self.list_commands(ctx), "See genoboard --help.")
        return super().resolve_command(ctx, args)


@click.group(cls=Face, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="genoboard")
@click.option(
    "--workspace",
    metavar="DIR",
    envvar="GENOBOARD_WORKSPACE",
    help="Where submissions/ and leaderboard/ are kept; the current folder by default.",
)
@click.pass_context
def cli(ctx: click.Context, workspace: str | None) -> None:
    """Run genomics models on fixed splits, and rank them honestly.

    Begin with: genoboard run brain-region prior
    """
    ctx.obj = workspace


def main() -> None:
    """Run the command line; an error that the user can mend is printed plainly, any other keeps its traceback."""
    if sys.platform == "win32":
        print(
            "genoboard runs on Linux (and, with less isolation, on macOS). On Windows, use it inside WSL: https://learn.microsoft.com/windows/wsl",
            file=sys.stderr,
        )
        sys.exit(1)
    from genoboard_leaderboard.errors import LeaderboardError

    try:
        with redirect_stdout(Shown(sys.stdout)):
            cli(standalone_mode=False)
        sys.stdout.flush()
    except (GenoboardError, LeaderboardError) as error:
        _fail(error, str(error), 2 if isinstance(error, UsageError) else 1)
    except click.ClickException as error:
        if not _wants_json():
            said = StringIO()
            error.show(said)
            for line in said.getvalue().splitlines():
                tell(line)
            sys.exit(error.exit_code)
        _fail(error, error.format_message(), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # whoever read our output has enough of it
        _write_no_more()
        sys.exit(1)
    except OSError as error:
        from .lease import FULL  # here, because most words of a command line are answered in less time than that takes

        if error.errno in FULL:
            if error.filename is None:
                _write_no_more()
            _fail(
                error,
                f"{error.filename or 'The output'}: {error.strerror}. Free some space there and do it again, or choose another place:"
                " --workspace, GENOBOARD_CACHE or TMPDIR.",
                1,
            )
        if error.filename is None:
            raise
        _fail(
            error,
            f"{error.filename}: {error.strerror}. Check that the path is right, that you may write there, and that the disk has room.",
            1,
        )


def _write_no_more() -> None:
    """Let go of what is still to be printed; Python would try once more to write it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: Exception, message: str, status: int) -> NoReturn:
    """Print the error, as JSON where that was asked for, and exit."""
    if _wants_json():
        print_json(
            {
                "error": type(error).__name__,
                "message": message,
                **({"problems": error.problems} if isinstance(error, InvalidSubmission) else {}),
            }
        )
    else:
        tell(f"Error: {message}")
    sys.exit(status)


def _wants_json() -> bool:
    # the words themselves: they may be such that click could make nothing of them
    return any(w in ("--json", "--format=json") for w in sys.argv) or ("--format", "json") in pairwise(sys.argv)


for command in (
    describe.list_,
    describe.data,
    new.new,
    compete.run,
    enter.submit,
    enter.blend,
    judge.leaderboard,
    judge.compare,
    judge.score,
    keep.rescore,
    keep.remove,
    publish.report,
    publish.cite,
    publish.pack,
    describe.check,
    host.host,
    host.select,
    host.reveal,
):
    cli.add_command(command)
