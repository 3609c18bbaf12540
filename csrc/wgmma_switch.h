#pragma once
// For the ops that have not moved to csrc/ops yet.
#include "cuda_device.h"
