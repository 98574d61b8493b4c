// Everything an application needs.
#pragma once

#include "hornbeam/batch_loop.hpp"
#include "hornbeam/error.hpp"
#include "hornbeam/executable.hpp"
#include "hornbeam/graph.hpp"
#include "hornbeam/interrupt.hpp"
#include "hornbeam/log.hpp"
#include "hornbeam/model.hpp"
#include "hornbeam/model_file.hpp"
#include "hornbeam/nn.hpp"
#include "hornbeam/ops.hpp"
#include "hornbeam/tensor.hpp"
