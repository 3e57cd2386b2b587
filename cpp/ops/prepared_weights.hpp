// What algorithms make of weights that stay put, kept from call to call. What the forms are is the
// algorithms' business (conv2d_direct.cpp, conv2d_winograd.cpp); whose the weights are and when they change,
// the caller's.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>

namespace rushlight {

// One layer's prepared weights. Any number of threads may use it at once.
class PreparedWeights {
  public:
    // What make(void* memory) has written into `bytes` bytes, now or in an earlier call for as many by the
    // same `maker`, an address that stands for an algorithm. The memory is aligned to cache lines.
    template <class Make>
    std::shared_ptr<const void> form(const void* maker, std::size_t bytes, const Make& make) {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const Form& form : forms_)
            if (form.maker == maker && form.bytes == bytes) return form.memory;
        const std::shared_ptr<void> made = allocate(bytes);
        make(made.get());
        forms_[1] = forms_[0];
        forms_[0] = Form{maker, made, bytes};
        return made;
    }

    // Forgets all forms, unless these are the bytes that they were made of: to be called before a use of
    // weights that somebody may have written to. Compares with a copy, which is exact, and quicker than a
    // checksum.
    void check(const void* weights, std::size_t bytes);

    std::size_t bytes() const;  // of the forms kept and the copy

    // The same of all prepared weights there are. For show_config.
    static std::size_t total_bytes();

  private:
    struct Form {
        const void* maker = nullptr;
        std::shared_ptr<const void> memory;
        std::size_t bytes = 0;
    };

    static std::shared_ptr<void> allocate(std::size_t bytes);

    mutable std::mutex mutex_;
    Form forms_[2];  // a layer that meets large and small images may want two algorithms in turns
    Form original_;  // the copy of what they were made of
};

// The weights of one call.
template <class T>
struct Weights {
    const T* data;
    PreparedWeights* prepared;  // null: weights that may be others in the next call
};

}  // namespace rushlight
