// The extension module of one instruction set: its name comes from the build, its contents from the bind_*.cpp files.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <string>

#include "bindings.hpp"

namespace nb = nanobind;

// The best instruction set among those built that this machine (processor and operating system) runs.
static std::string best_isa() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
        return "avx512";
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
#endif
    return "baseline";
}

NB_MODULE(BS_MODULE, m) {
    // Objects may be alive when Python ends (an exception that holds a frame is enough); users need no report of it.
    nb::set_leak_warnings(false);
    m.attr("isa") = BS_ISA;
    m.def("best_isa", &best_isa, "The best instruction set this machine runs: 'baseline', 'avx2' or 'avx512'.");
    bs::bind_functions(m);
    bs::bind_program(m);
}
