"""Measurements; each module that can be run says so in its first line."""

import os

# Threads that wait must not spin: on busy machines that doubles what torch's CPU time seems to be.
# Set before torch, and with it OpenMP, is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
