"""Ready-made corpora: none of them needs a file of your own."""

from ntm_fast.data.datasets.docstrings import docstrings as docstrings
from ntm_fast.data.datasets.newsgroups import newsgroups as newsgroups
from ntm_fast.data.datasets.synthetic import synthetic as synthetic
