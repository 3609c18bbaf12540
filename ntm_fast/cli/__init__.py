"""The commands of `ntm-fast`. Heavy imports stay inside them, so that --help is quick."""

from ntm_fast.cli import about as about
from ntm_fast.cli import corpora as corpora
from ntm_fast.cli import models as models
from ntm_fast.cli import studies as studies
from ntm_fast.cli.app import app as app
