// What an operator would do with arguments of given sizes, for people to read. The figures come from the very
// functions that cut the work up when it runs.
#pragma once

#include <string>
#include <vector>

#include "core/tensor.hpp"

namespace rushlight {

struct Plan {
    struct Size {
        const char* name;
        Index value;
    };

    std::vector<std::string> algorithms;  // the ordered list
    std::string algorithm;                // the first of them that takes these sizes
    std::vector<Size> blocks;             // tiles and chunks, in the order of the loops
    Index tasks = 1;                      // of the longest phase
    int threads = 1;                      // that share them
    double flops = 0;                     // by the definition: 2 per multiply-add, 1 per comparison
    double executed_flops = 0;            // by the algorithm, its transforms included
    double bytes = 0;                     // each operand read once, each result written once
    double workspace_bytes = 0;           // scratch memory of one thread
    double shared_bytes = 0;              // scratch memory of the call, shared by its threads
};

}  // namespace rushlight
