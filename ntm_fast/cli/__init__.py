"""The commands of `ntm-fast`. Heavy imports stay inside them, so that --help is quick."""

from ntm_fast.cli import about as about
from ntm_fast.cli import corpus_commands as corpus_commands
from ntm_fast.cli import model_commands as model_commands
from ntm_fast.cli import study_commands as study_commands
from ntm_fast.cli.app import app as app
