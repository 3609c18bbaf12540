#pragma once

namespace ntm_fast {

// Whether NTM_FAST_WGMMA=1 asks for the kernels of sm_90a, where the device is one. They are not
// the default as long as they have run in the emulator alone.
bool wgmma_is_asked_for();

}  // namespace ntm_fast
