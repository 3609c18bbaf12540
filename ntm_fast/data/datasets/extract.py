"""Docstrings of Python source files, read with `ast`; nothing is imported.

Stands alone (standard library only): worker processes run this file as a script, which takes a
JSON list of paths on standard input and writes, for each path, a JSON list of [qualified name,
prose of the docstring] to standard output.
"""

from __future__ import annotations

import ast
import gc
import inspect
import json
import os
import re
import runpy
import sys
import warnings
from collections.abc import Iterator

Docstring = tuple[str, str]  # qualified name within the module, text

_DOC_CALL = re.compile(r"add_?(doc|newdoc|docstr)", re.IGNORECASE)
_FIELD = re.compile(r"\{[\w.]*\}")


def docstrings_of(path: str) -> list[Docstring]:
    """(name, text) of all docstrings in a source file; none where it cannot be parsed."""
    collecting = gc.isenabled()
    gc.disable()  # a syntax tree is many objects and no cycles: collecting doubles the time
    try:
        with open(path, "rb") as file:
            source = file.read()
        if b'"""' not in source and b"'''" not in source:
            return []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's strings
            tree = ast.parse(source)
        return list(_walk(tree, ""))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    finally:
        if collecting:
            gc.enable()


def _walk(node: ast.AST, name: str) -> Iterator[Docstring]:
    """Docstrings of a module, class or function, of what it defines, and those given by calls."""
    body: list[ast.stmt] = getattr(node, "body", [])
    if body and isinstance(body[0], ast.Expr):
        text = _constant(body[0].value)
        if text and isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ):
            yield name, inspect.cleandoc(text)
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _walk(statement, f"{name}.{statement.name}" if name else statement.name)
        elif isinstance(statement, ast.Expr | ast.Assign):
            yield from _attached(statement)
        elif isinstance(statement, ast.If | ast.With | ast.For | ast.Try):
            yield from _walk(statement, name)
            if isinstance(statement, ast.If | ast.Try):
                yield from _walk(ast.Module(statement.orelse, []), name)


def _attached(statement: ast.Expr | ast.Assign) -> Iterator[Docstring]:
    """Docstrings given by add_docstr(object, text), add_newdoc(place, name, text), x.__doc__ = …"""
    value = statement.value
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
        if isinstance(target, ast.Attribute) and target.attr == "__doc__":
            text = _string(value)
            if text:
                yield ast.unparse(target.value), inspect.cleandoc(text)
            return
    if not isinstance(value, ast.Call):
        return
    function = value.func
    called = str(getattr(function, "attr", None) or getattr(function, "id", ""))
    if not _DOC_CALL.search(called) or not value.args:
        return
    parts: list[ast.expr] = []
    for argument in value.args:
        parts.extend(argument.elts if isinstance(argument, ast.Tuple | ast.List) else [argument])
    strings = [text for part in parts if (text := _string(part))]
    text = max(strings, key=len, default="")
    if " " in text.strip():  # else only names are literal
        names = [part for part in strings if part is not text]
        yield ".".join(names) or ast.unparse(value.args[0]), inspect.cleandoc(text)


def _string(node: ast.expr) -> str:
    """The text of a string expression, format fields left out; empty where it is none."""
    if isinstance(node, ast.Constant):
        return _constant(node)
    if isinstance(node, ast.JoinedStr):
        return "".join(_constant(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        right = _string(node.right) if isinstance(node.op, ast.Add) else ""
        return _string(node.left) + right
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        text = _string(node.func.value)  # "…".format(…), dedent and the like
        if node.func.attr == "format":
            text = _FIELD.sub("", text).replace("{{", "{").replace("}}", "}")
        return text
    return ""


def _constant(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


if __name__ == "__main__":
    # By path: importing the package would load torch into every worker.
    prose = runpy.run_path(os.path.join(os.path.dirname(__file__), "prose.py"))["prose"]
    json.dump(
        [
            [(name, prose(text)) for name, text in docstrings_of(path)]
            for path in json.load(sys.stdin)
        ],
        sys.stdout,
    )
