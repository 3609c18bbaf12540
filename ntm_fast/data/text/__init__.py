"""Words of texts: what a token is, counting, and vocabularies."""
