"""The command `assay`: what is asked for runs, and every way to fail has its exit code.

0 done (whatever the verdict), 2 bad input, 3 a ledger that does not verify, 70 a fault of Assay itself,
130 interrupted.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn

import typer

from .._errors import AssayError
from . import demo, improve, log, methods, report, revert, show, value
from ._print import in_shell

BAD_INPUT, FAULT, INTERRUPTED = 2, 70, 130

_COMMANDS: tuple[tuple[Callable[..., None], Sequence[str]], ...] = (
    (demo.demo, demo.EXAMPLES),
    (improve.improve, improve.EXAMPLES),
    (value.value, value.EXAMPLES),
    (show.show, show.EXAMPLES),
    (log.log, log.EXAMPLES),
    (revert.revert, revert.EXAMPLES),
    (report.report, report.EXAMPLES),
    (methods.methods, methods.EXAMPLES),
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"assay {version('assay')}")
        except PackageNotFoundError:  # run from a checkout
            typer.echo("assay, not installed")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """What each row of a training table is worth to its model, and what to do about it."""
    del version


def application() -> typer.Typer:
    """Return the command line with every command in it."""
    app = typer.Typer(
        name="assay",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(epilog="Start with: assay demo")(_top)
    for function, examples in _COMMANDS:
        app.command(epilog="Examples:\n" + "\n".join(f"  {example}" for example in examples))(function)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str
        The words after `assay`.
    """
    try:
        code = application()(list(arguments), prog_name="assay", standalone_mode=False)
        return code or 0
    except AssayError as error:
        return _fail(in_shell(str(error)), BAD_INPUT)
    except typer.TyperException as error:  # words that the command line does not know
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.format_message())
            return 0
        return _fail(f"{error.format_message()} See `assay --help`.", BAD_INPUT)
    except typer.Abort:
        return _fail("Stopped at the question; nothing was changed.", INTERRUPTED)
    except KeyboardInterrupt:
        return _fail("Interrupted.", INTERRUPTED)
    except OSError as error:
        if error.filename is None:
            return _fault()
        return _fail(f"{error.filename}: {error.strerror}.", BAD_INPUT)
    except Exception:
        return _fault()


def _fail(sentence: str, code: int) -> int:
    print(f"assay: {' '.join(sentence.split())}", file=sys.stderr)
    return code


def _fault() -> int:
    error = sys.exc_info()[1]
    if os.environ.get("ASSAY_DEBUG"):
        traceback.print_exc()
    hint = "" if os.environ.get("ASSAY_DEBUG") else " Run it again with ASSAY_DEBUG=1 to see where."
    return _fail(f"this is a fault of Assay itself: {type(error).__name__}: {error}.{hint}", FAULT)


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    sys.exit(run(sys.argv[1:]))
