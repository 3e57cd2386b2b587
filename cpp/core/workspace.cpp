#include "workspace.hpp"

#include <atomic>
#include <new>

namespace rushlight {
namespace {

std::atomic<std::size_t> largest{0};  // footprint of any one thread so far

void remember(std::size_t footprint) {
    std::size_t seen = largest.load(std::memory_order_relaxed);
    while (seen < footprint && !largest.compare_exchange_weak(seen, footprint, std::memory_order_relaxed)) {
    }
}

struct Buffer {
    void* data = nullptr;
    std::size_t bytes = 0;
};

// One thread's buffers, freed when it ends.
class Slots {
  public:
    ~Slots() {
        for (Buffer& buffer : buffers_) clear(buffer);
    }

    void* at_least(Slot slot, std::size_t bytes) {
        Buffer& buffer = buffers_[static_cast<std::size_t>(slot)];
        if (bytes > buffer.bytes || buffer.data == nullptr) replace(buffer, bytes);
        return buffer.data;
    }

  private:
    static constexpr std::align_val_t kAlignment{kWorkspaceAlignment};

    void clear(Buffer& buffer) {
        ::operator delete(buffer.data, kAlignment);
        total_ -= buffer.bytes;
        buffer = Buffer();
    }

    // The old buffer goes first, so that a growing one is never there twice; its contents are nobody's.
    void replace(Buffer& buffer, std::size_t bytes) {
        clear(buffer);
        const std::size_t lines =
            bytes / kWorkspaceAlignment + (bytes % kWorkspaceAlignment != 0 || bytes == 0);
        if (lines > static_cast<std::size_t>(-1) / kWorkspaceAlignment) throw std::bad_alloc();
        buffer.data = ::operator new(lines * kWorkspaceAlignment, kAlignment);
        buffer.bytes = lines * kWorkspaceAlignment;
        total_ += buffer.bytes;
        remember(total_);
    }

    Buffer buffers_[static_cast<std::size_t>(Slot::count_)];
    std::size_t total_ = 0;
};

thread_local Slots slots;

}  // namespace

void* workspace_bytes_of(Slot slot, std::size_t bytes) {
    return slots.at_least(slot, bytes);
}

std::size_t workspace_bytes() {
    return largest.load(std::memory_order_relaxed);
}

}  // namespace rushlight
