"""Ready-made corpora: none of them needs a file of your own."""

from ntm_fast.data.datasets.docstrings import docstrings as docstrings
