// Everything an application needs.
#pragma once

#include "hornbeam/batch_loop.hpp"
#include "hornbeam/device.hpp"
#include "hornbeam/error.hpp"
#include "hornbeam/executable.hpp"
#include "hornbeam/gradients.hpp"
#include "hornbeam/graph.hpp"
#include "hornbeam/interrupt.hpp"
#include "hornbeam/log.hpp"
#include "hornbeam/model.hpp"
#include "hornbeam/model_file.hpp"
#include "hornbeam/nn.hpp"
#include "hornbeam/op.hpp"
#include "hornbeam/ops.hpp"
#include "hornbeam/passes.hpp"
#include "hornbeam/tensor.hpp"
#include "hornbeam/text.hpp"
