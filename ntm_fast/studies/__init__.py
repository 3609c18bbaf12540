"""Studies: models side by side, and gradient estimators."""
