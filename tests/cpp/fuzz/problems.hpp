// A fuzzer's bytes as a call of an operator: the arguments that a binding would hand on, checked as it checks
// them. What makes an answer right is judged elsewhere.
#pragma once

#include <functional>
#include <vector>

#include "fuzz/bytes.hpp"

namespace fuzz {

enum class Answer {
    exact,  // to the bit
    sums,   // of products or of numbers: within rounding of their absolute values' sum
    loose,  // sums, then divisions by them
};

struct Problem {
    std::vector<Array> inputs;
    struct Result {
        Sizes shape;
        DType dtype;
    };
    std::vector<Result> results;
    std::function<void(const std::vector<Array>&, const std::vector<void*>&)> run;
    Answer answer = Answer::exact;
    double terms = 1;  // of each sum
    double work = 0;   // additions, about
};

// Throws what the operators' checks throw, std::bad_alloc for arrays that no memory holds.
Problem read_problem(Bytes& bytes);

// Its parts that conv_problems.cpp holds. `transposed`: conv_transpose2d's directions, else conv2d's
// gradients.
Problem conv_forward(Bytes& bytes);
Problem conv_others(Bytes& bytes, bool transposed);
Problem conv_bias(Bytes& bytes);

}  // namespace fuzz
