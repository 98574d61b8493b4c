"""Layers, with Keras' names and defaults."""

from hornbeam.layers import (
    activation,
    attention,
    augmentation,
    convolution,
    core,
    depthwise_convolution,
    global_pooling,
    input,
    lambda_layer,
    layer,
    merging,
    noise,
    normalization,
    pooling,
    preprocessing,
    recurrent,
    recurrent_cells,
    reshaping,
    serialization,
    stacked_cells,
    standard_recurrent,
    transposed_convolution,
    wrappers,
)
from hornbeam.layers.activation import *  # noqa: F403
from hornbeam.layers.attention import *  # noqa: F403
from hornbeam.layers.augmentation import *  # noqa: F403
from hornbeam.layers.convolution import *  # noqa: F403
from hornbeam.layers.core import *  # noqa: F403
from hornbeam.layers.depthwise_convolution import *  # noqa: F403
from hornbeam.layers.global_pooling import *  # noqa: F403
from hornbeam.layers.input import *  # noqa: F403
from hornbeam.layers.lambda_layer import *  # noqa: F403
from hornbeam.layers.layer import *  # noqa: F403
from hornbeam.layers.merging import *  # noqa: F403
from hornbeam.layers.noise import *  # noqa: F403
from hornbeam.layers.normalization import *  # noqa: F403
from hornbeam.layers.pooling import *  # noqa: F403
from hornbeam.layers.preprocessing import *  # noqa: F403
from hornbeam.layers.recurrent import *  # noqa: F403
from hornbeam.layers.recurrent_cells import *  # noqa: F403
from hornbeam.layers.reshaping import *  # noqa: F403
from hornbeam.layers.serialization import *  # noqa: F403
from hornbeam.layers.stacked_cells import *  # noqa: F403
from hornbeam.layers.standard_recurrent import *  # noqa: F403
from hornbeam.layers.transposed_convolution import *  # noqa: F403
from hornbeam.layers.wrappers import *  # noqa: F403

__all__ = [*activation.__all__]
__all__ += attention.__all__
__all__ += augmentation.__all__
__all__ += convolution.__all__
__all__ += core.__all__
__all__ += depthwise_convolution.__all__
__all__ += global_pooling.__all__
__all__ += input.__all__
__all__ += lambda_layer.__all__
__all__ += layer.__all__
__all__ += merging.__all__
__all__ += noise.__all__
__all__ += normalization.__all__
__all__ += pooling.__all__
__all__ += preprocessing.__all__
__all__ += recurrent.__all__
__all__ += recurrent_cells.__all__
__all__ += reshaping.__all__
__all__ += serialization.__all__
__all__ += stacked_cells.__all__
__all__ += standard_recurrent.__all__
__all__ += transposed_convolution.__all__
__all__ += wrappers.__all__
