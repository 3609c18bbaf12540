"""The command line's frame: how commands are registered, and the arguments that they share."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer

from ntm_fast.cli.support import reader_options
from ntm_fast.data.readers.formats import one_line

PRINTED, WRITTEN = -1, -2  # results of a successful command; not exit codes

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    help="Fast training of VAE topic models on sparse corpora.",
)

Source = Annotated[str, typer.Argument(metavar="SOURCE", help=one_line())]
READING: dict[str, Any] = {  # how documents are read
    "column": Annotated[str | None, typer.Option(help="Column of a table that holds text.")],
    "encoding": Annotated[
        str | None, typer.Option(help="Encoding of text files; by default UTF-8.")
    ],
    "stop_words": Annotated[
        str | None, typer.Option(help="A language (default: english), none, or a file of words.")
    ],
    "token_pattern": Annotated[str | None, typer.Option(help="Regular expression of a word.")],
    "tokenizer": Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="Function that splits a text into words, such as jieba:lcut.",
        ),
    ],
    "lowercase": Annotated[
        bool | None,
        typer.Option("--lowercase/--no-lowercase", help="Convert text to lower case first."),
    ],
    "zero_based": Annotated[
        bool | None,
        typer.Option("--zero-based/--one-based", help="How a libsvm file numbers its words."),
    ],
}
Reading = Mapping[str, Any]  # the options of READING that are given, as readers take them
NOTHING_GIVEN: Reading = MappingProxyType({})
Saved = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `train` wrote.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; by default all cores.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all random numbers of the run.")]


def command(
    *, example: str, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., int]]:
    """Register a command whose help ends with an example; Ctrl-C ends it with one line.

    A command with a parameter `reading` has the options of READING in its place, `without` some.
    It returns WRITTEN if it made a file, otherwise PRINTED.
    """

    def register(function: Callable[..., None]) -> Callable[..., int]:
        signature = inspect.signature(function, eval_str=True)
        offered = {name: kind for name, kind in READING.items() if name not in without}

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> int:
            try:
                kwargs = {name: _at_home(value) for name, value in kwargs.items()}
                if "reading" in signature.parameters:
                    read = {name: kwargs.pop(name) for name in offered}
                    kwargs["reading"] = reader_options(**read)
                function(*args, **kwargs)
            except KeyboardInterrupt:
                print("ntm-fast: interrupted", file=sys.stderr)
                raise typer.Exit(130) from None
            made = any(kwargs.get(name) is not None for name in ("output", "picture"))
            return WRITTEN if made else PRINTED

        parameters: list[inspect.Parameter] = []
        for own in signature.parameters.values():
            several = offered if own.name == "reading" else {}
            parameters += [
                own.replace(name=name, annotation=kind, default=None)
                for name, kind in several.items()
            ] or [own]
        vars(run)["__signature__"] = signature.replace(parameters=parameters)  # what typer reads
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
