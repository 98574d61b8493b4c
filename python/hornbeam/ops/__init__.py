"""All operations, with Keras' names. They work on eager tensors, traced values and symbolic tensors alike."""

from hornbeam.ops.activations import *  # noqa: F403
from hornbeam.ops.arrays import *  # noqa: F403
from hornbeam.ops.control import cond, fori_loop, map, scan, switch, vectorized_map, while_loop  # noqa: F401
from hornbeam.ops.convolution import *  # noqa: F403
from hornbeam.ops.creation import *  # noqa: F403
from hornbeam.ops.indexing import *  # noqa: F403
from hornbeam.ops.indexing import slice  # noqa: F401
from hornbeam.ops.math import *  # noqa: F403
from hornbeam.ops.math import abs, round  # noqa: F401
from hornbeam.ops.nn import *  # noqa: F403
from hornbeam.ops.reductions import *  # noqa: F403
from hornbeam.ops.reductions import all, any, max, min, sum  # noqa: F401
