"""Peak memory of a piece of code, measured in a process of its own."""

import subprocess
import sys

_SCRIPT = """
from benchmarks.harness.machine import peak_growth
{setup}
def measured():
{body}
print(peak_growth(measured))
"""


def peak_growth(setup: str, body: str) -> int:
    """Bytes by which the resident memory peaked above its size before ``body`` ran.

    ``setup`` should call the code once on a small problem, so that what is loaded on first use is
    not counted.
    """
    indented = "\n".join("    " + line for line in body.strip().splitlines())
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(setup=setup, body=indented)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
