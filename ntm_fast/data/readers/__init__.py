"""Readers: one function for each format, all returning a `Corpus`."""

from ntm_fast.data.readers.matrix import read_libsvm as read_libsvm
from ntm_fast.data.readers.matrix import read_npz as read_npz
from ntm_fast.data.readers.matrix import read_uci as read_uci
from ntm_fast.data.readers.octis import read_octis as read_octis
from ntm_fast.data.readers.read import read as read
from ntm_fast.data.readers.table import read_table as read_table
from ntm_fast.data.readers.texts import read_folder as read_folder
from ntm_fast.data.readers.texts import read_text as read_text
