"""All operations, with Keras' names. They work on eager tensors, traced values and symbolic tensors alike."""

import types as _types

from hornbeam.core.operators import ops as _installed
from hornbeam.ops._symbolic import takes_symbols as _takes_symbols
from hornbeam.ops.activations import *  # noqa: F403
from hornbeam.ops.arrays import *  # noqa: F403
from hornbeam.ops.control import cond, fori_loop, map, scan, switch, vectorized_map, while_loop  # noqa: F401
from hornbeam.ops.convolution import *  # noqa: F403
from hornbeam.ops.creation import *  # noqa: F403
from hornbeam.ops.indexing import *  # noqa: F403
from hornbeam.ops.linalg import *  # noqa: F403
from hornbeam.ops.math import *  # noqa: F403
from hornbeam.ops.math import abs, round  # noqa: F401
from hornbeam.ops.nn import *  # noqa: F403
from hornbeam.ops.reductions import *  # noqa: F403
from hornbeam.ops.reductions import all, any, max, min, sum  # noqa: F401
from hornbeam.ops.selection import *  # noqa: F403
from hornbeam.ops.selection import slice  # noqa: F401

for _name, _op in list(globals().items()):
    if isinstance(_op, _types.FunctionType) and _op.__module__.startswith(__name__) and not _name.startswith("_"):
        _op = globals()[_name] = _takes_symbols(_name, _op)
        setattr(_installed, _name, _op)
