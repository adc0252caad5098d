// Elementary functions on vectors (declarations first; definitions follow in the next commit).
#pragma once
#include "backstory/simd.hpp"
