"""All operations, with Keras' names. They work on eager tensors, traced values and symbolic tensors alike."""

from hornbeam.core.operators import ops as _installed
from hornbeam.ops import (
    activations,
    arrays,
    bits,
    comparison,
    control,
    convolution,
    creation,
    fourier,
    frames,
    image,
    indexing,
    joining,
    linalg,
    math,
    nn,
    padding,
    reductions,
    selection,
    windows,
)
from hornbeam.ops._symbolic import takes_symbols as _takes_symbols
from hornbeam.ops.activations import *  # noqa: F403
from hornbeam.ops.arrays import *  # noqa: F403
from hornbeam.ops.comparison import *  # noqa: F403
from hornbeam.ops.control import *  # noqa: F403
from hornbeam.ops.convolution import *  # noqa: F403
from hornbeam.ops.creation import *  # noqa: F403
from hornbeam.ops.fourier import *  # noqa: F403
from hornbeam.ops.frames import *  # noqa: F403
from hornbeam.ops.indexing import *  # noqa: F403
from hornbeam.ops.joining import *  # noqa: F403
from hornbeam.ops.linalg import *  # noqa: F403
from hornbeam.ops.math import *  # noqa: F403
from hornbeam.ops.nn import *  # noqa: F403
from hornbeam.ops.padding import *  # noqa: F403
from hornbeam.ops.reductions import *  # noqa: F403
from hornbeam.ops.selection import *  # noqa: F403
from hornbeam.ops.windows import *  # noqa: F403

__all__ = [*activations.__all__]
__all__ += arrays.__all__
__all__ += comparison.__all__
__all__ += control.__all__
__all__ += convolution.__all__
__all__ += creation.__all__
__all__ += fourier.__all__
__all__ += frames.__all__
__all__ += indexing.__all__
__all__ += joining.__all__
__all__ += linalg.__all__
__all__ += math.__all__
__all__ += nn.__all__
__all__ += padding.__all__
__all__ += reductions.__all__
__all__ += selection.__all__
__all__ += windows.__all__

for _name in __all__:
    _op = globals()[_name] = _takes_symbols(_name, globals()[_name])
    setattr(_installed, _name, _op)
__all__ += ["image"]
_installed.bits_combined, _installed.bits_inverted = bits.bits_combined, bits.bits_inverted  # for operators alone
