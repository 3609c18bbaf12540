"""Readers: a table of formats, and a function for each that returns a `Corpus`."""
