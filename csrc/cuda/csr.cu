#include "csr.cuh"

namespace ntm_fast {

namespace {

using namespace cuda;

template <class T>
__global__ void __launch_bounds__(row_threads)
    fill_documents(const DeviceCsr<T> batch, int32_t* documents) {
  for (int64_t d = first_row(); d < batch.documents; d += row_stride()) {
    const NonzeroRange range = nonzeros_of(batch, d);
    for (int64_t n = range.begin + lane_index(); n < range.end; n += warp_size) {
      documents[n] = int32_t(d);
    }
  }
}

}  // namespace

template <class T>
int nonzero_documents_cuda(const DeviceCsr<T>& batch, int32_t* documents, void* stream) {
  const size_t bytes = size_t(batch.nonzeros) * sizeof(int32_t);
  if (const int failed = fill_bytes(documents, 0xff, bytes, stream)) return failed;
  return launch(fill_documents<T>, row_blocks(batch.documents), row_threads, 0, stream, batch,
                documents);
}

template int nonzero_documents_cuda(const DeviceCsr<float>&, int32_t*, void*);
template int nonzero_documents_cuda(const DeviceCsr<double>&, int32_t*, void*);

}  // namespace ntm_fast
