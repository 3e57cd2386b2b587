// The compiled module rushlight._core: one bind_* function per operator file, and the exceptions that
// pybind11 does not know.
#include "bindings/arrays.hpp"

namespace py = pybind11;

// Safe without the GIL: what the module keeps is set up by this function, atomic, or behind a lock of its
// own.
PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
    m.doc() =
        "Compiled core of rushlight. Arrays in, arrays out; the public API is in rushlight and "
        "rushlight.functional.";
    py::register_exception_translator([](std::exception_ptr error) {
        try {
            if (error) std::rethrow_exception(error);
        } catch (const rushlight::NotImplemented& e) {
            PyErr_SetString(PyExc_NotImplementedError, e.what());
        }
    });
    rushlight::bindings::bind_runtime(m);
    rushlight::bindings::bind_conv1d(m);
    rushlight::bindings::bind_batch_norm(m);
    rushlight::bindings::bind_conv2d(m);
    rushlight::bindings::bind_conv_transpose2d(m);
    rushlight::bindings::bind_prepared(m);
    rushlight::bindings::bind_max_pool2d(m);
    rushlight::bindings::bind_avg_pool2d(m);
    rushlight::bindings::bind_relu(m);
    rushlight::bindings::bind_softmax(m);
    rushlight::bindings::bind_unfold(m);
    rushlight::bindings::bind_plan(m);
}
