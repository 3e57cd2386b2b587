// Between (channels, pixels), as arrays lie in memory, and (pixels, channels), with channels side by side in
// the lanes: squares of lanes x lanes are transposed in registers.
#pragma once

#include "shuffles.hpp"

namespace rushlight::kernels::RUSHLIGHT_ISA {
namespace {

// Up to `lanes` rows of up to `lanes` neighbours, transposed: v[i] lane c = from[c * row + i], zero outside.
template <class T>
RUSHLIGHT_INLINE void load_transposed(const T* from, Index row, Index rows, Index count, Vec<T>* v) {
    RUSHLIGHT_UNROLL for (Index c = 0; c < lanes<T>; ++c) v[c] = c >= rows ? Vec<T>{}
                                                                 : count >= lanes<T>
                                                                     ? load(from + c * row)
                                                                     : load_lanes(from + c * row, 0, count);
    transpose<T>(v);
}

// A vector of channels of pixels in a row: to[j * pixel + c] = from[c * stride_c + j * stride_w] for
// j < count, c < channels <= lanes; zero in the other lanes. The pixels that follow in memory are fetched
// ahead: most often they come next.
template <class T>
inline void pack_lanes(const T* from, Index stride_c, Index stride_w, Index channels, Index count, T* to,
                       Index pixel) {
    const Index ahead = count;
    Index j = 0;
    if (stride_w == 1) {
        for (; j + lanes<T> <= count && channels == lanes<T>; j += lanes<T>) {
            Vec<T> v[lanes<T>];
            RUSHLIGHT_UNROLL for (Index c = 0; c < lanes<T>; ++c)
                __builtin_prefetch(from + c * stride_c + j + ahead, 0, 2);
            load_transposed(from + j, stride_c, lanes<T>, lanes<T>, v);
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) store(to + (j + i) * pixel, v[i]);
        }
        for (; j < count; j += lanes<T>) {
            Vec<T> v[lanes<T>];
            load_transposed(from + j, stride_c, channels, count - j, v);
            RUSHLIGHT_UNROLL for (Index i = 0; i < lanes<T>; ++i) if (j + i < count)
                store(to + (j + i) * pixel, v[i]);
        }
    } else if (stride_c == 1) {
        for (; j < count; ++j) store(to + j * pixel, load_lanes(from + j * stride_w, 0, channels));
    } else {
        for (; j < count; ++j) {
            store(to + j * pixel, Vec<T>{});
            for (Index c = 0; c < channels; ++c) to[j * pixel + c] = from[c * stride_c + j * stride_w];
        }
    }
}

// The way back: to[c * to_row + i] = from[i * from_row + c], for i < rows and channels c < channels <= lanes.
// Whole vectors may be read from `from`; nothing else is written.
template <class T>
inline void unpack_lanes(const T* from, Index from_row, Index rows, Index channels, T* to, Index to_row) {
    for (Index i = 0; i < rows; i += lanes<T>) {
        const Index count = min_of(lanes<T>, rows - i);
        Vec<T> v[lanes<T>];
        RUSHLIGHT_UNROLL for (Index j = 0; j < lanes<T>; ++j) v[j] =
            j < count ? load(from + (i + j) * from_row) : Vec<T>{};
        transpose<T>(v);
        if (channels == lanes<T> && count == lanes<T>) {
            RUSHLIGHT_UNROLL for (Index c = 0; c < lanes<T>; ++c) store(to + c * to_row + i, v[c]);
        } else {
            RUSHLIGHT_UNROLL for (Index c = 0; c < lanes<T>; ++c) if (c < channels)
                store_lanes(to + c * to_row + i, v[c], 0, count);
        }
    }
}

}  // namespace
}  // namespace rushlight::kernels::RUSHLIGHT_ISA
