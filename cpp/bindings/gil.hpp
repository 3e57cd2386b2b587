// Running C++ without the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace rushlight::bindings {

// Releases the GIL while it lives.
// NOTE: a daemon thread that wants the GIL back while the interpreter shuts down. CPython before 3.14 ends
// such a thread by pthread_exit, which unwinds the C++ stack: through a destructor that must not throw
// (pybind11's own guard), so that the process ends with "terminate called", or else through destructors that
// drop references without the GIL. Stopping the unwinding here and waiting for the end of the process is
// what 3.14 does.
class GilReleased {
  public:
    GilReleased() : state_(PyEval_SaveThread()) {}
    ~GilReleased() {
        try {
            PyEval_RestoreThread(state_);
        } catch (...) {
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        }
    }
    GilReleased(const GilReleased&) = delete;
    GilReleased& operator=(const GilReleased&) = delete;

  private:
    PyThreadState* state_;
};

}  // namespace rushlight::bindings
