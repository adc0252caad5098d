// What each file of bindings adds to a module. Bindings check shapes and types, and forward.
#pragma once

#include <nanobind/nanobind.h>

namespace bs {

void bind_functions(nanobind::module_& m);  // activations, losses and formulas on arrays: bind_functions.cpp
void bind_program(nanobind::module_& m);    // the engine of a network: bind_program.cpp

}  // namespace bs
