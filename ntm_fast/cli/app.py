"""The command line's frame: how commands are registered, and the arguments that they share."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ntm_fast.data.readers.formats import one_line

PRINTED, WRITTEN = -1, -2  # results of a successful command; not exit codes

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    help="Fast training of VAE topic models on sparse corpora.",
)

Source = Annotated[str, typer.Argument(metavar="SOURCE", help=one_line())]
Column = Annotated[str | None, typer.Option(help="Column of a table that holds text.")]
Encoding = Annotated[str | None, typer.Option(help="Encoding of text files; by default UTF-8.")]
StopWords = Annotated[
    str | None, typer.Option(help="A language (default: english), none, or a file of words.")
]
TokenPattern = Annotated[str | None, typer.Option(help="Regular expression of a word.")]
Lowercase = Annotated[
    bool | None,
    typer.Option("--lowercase/--no-lowercase", help="Convert text to lower case first."),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        metavar="MODULE:FUNCTION",
        help="Function that splits a text into words, such as jieba:lcut.",
    ),
]
ZeroBased = Annotated[
    bool | None,
    typer.Option("--zero-based/--one-based", help="How a libsvm file numbers its words."),
]
Saved = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `train` wrote.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; by default all cores.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all random numbers of the run.")]


def command(*, example: str) -> Callable[[Callable[..., None]], Callable[..., int]]:
    """Register a command whose help ends with an example; Ctrl-C ends it with one line.

    It returns WRITTEN if it made a file, otherwise PRINTED.
    """

    def register(function: Callable[..., None]) -> Callable[..., int]:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> int:
            try:
                kwargs = {name: _at_home(value) for name, value in kwargs.items()}
                function(*args, **kwargs)
            except KeyboardInterrupt:
                print("ntm-fast: interrupted", file=sys.stderr)
                raise typer.Exit(130) from None
            made = any(kwargs.get(name) is not None for name in ("output", "picture"))
            return WRITTEN if made else PRINTED

        paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
        unbroken = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        app.command(help=unbroken, epilog=f"Example: {example}")(run)
        return run

    return register


def _at_home(value: Any) -> Any:
    """A path with the home folder for its `~`, which the shell leaves in quotes and after `=`."""
    if not isinstance(value, Path):
        return value
    from ntm_fast.files import path_of

    return path_of(value)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from ntm_fast._version import __version__

        print(f"ntm_fast {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
