// Scratch memory of one thread: a few named buffers that grow when asked and are kept for the next task. For
// operators and the bodies of parallel_for; kernels receive plain pointers. Sizes must be O(tile), see
// workspace_bytes.
#pragma once

#include <cstddef>
#include <limits>

namespace rushlight {

// Buffers that are alive at the same time need different slots. The names are suggestions by use, not by
// type.
enum class Slot { input, weight, output, accumulator, transform, indices, extra, count_ };

constexpr std::size_t kWorkspaceAlignment = 64;  // one cache line, one AVX-512 register

// The calling thread's buffer of this slot, at least `bytes` long and kWorkspaceAlignment-aligned; never
// null. Contents are indeterminate. Valid until the same thread asks the same slot for more, or ends. Throws
// std::bad_alloc, and then the slot is empty but usable.
void* workspace_bytes_of(Slot slot, std::size_t bytes);

// The same, as `count` values of T. T must be trivial: nothing is constructed or destroyed.
template <class T>
T* workspace(Slot slot, std::size_t count) {
    static_assert(alignof(T) <= kWorkspaceAlignment, "the workspace is aligned to one cache line");
    // A count that overflows becomes a size that no allocator grants, hence std::bad_alloc.
    const bool fits = count <= std::numeric_limits<std::size_t>::max() / sizeof(T);
    return static_cast<T*>(
        workspace_bytes_of(slot, fits ? count * sizeof(T) : std::numeric_limits<std::size_t>::max()));
}

// The largest total of one thread's slots so far, over all threads that ever ran. For show_config.
std::size_t workspace_bytes();

}  // namespace rushlight
