// Declares the operator library; each csrc/<op>.cpp adds its op as a fragment.
#include <torch/csrc/stable/library.h>

STABLE_TORCH_LIBRARY(ntm_fast, m) {}
