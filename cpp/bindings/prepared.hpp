// What the short way into conv2d asks of weights that stay put (prepared.cpp).
#pragma once

#include "bindings/arrays.hpp"
#include "ops/prepared_weights.hpp"

namespace rushlight::bindings {

// A PreparedConv2d's array, borrowed, and what is kept of it; both null for any other object.
struct PreparedParts {
    PyObject* weight = nullptr;
    PreparedWeights* prepared = nullptr;
};
PreparedParts prepared_parts(PyObject* object);

}  // namespace rushlight::bindings
