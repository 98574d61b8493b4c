"""Operations on images, with Keras' names: on one ``(rows, columns, channels)`` or a batch of them."""

from hornbeam.ops._symbolic import takes_symbols as _takes_symbols
from hornbeam.ops.image import borders, colours, filters, patches, resizing, warping
from hornbeam.ops.image.borders import *  # noqa: F403
from hornbeam.ops.image.colours import *  # noqa: F403
from hornbeam.ops.image.filters import *  # noqa: F403
from hornbeam.ops.image.patches import *  # noqa: F403
from hornbeam.ops.image.resizing import *  # noqa: F403
from hornbeam.ops.image.warping import *  # noqa: F403

__all__ = [*borders.__all__]
__all__ += colours.__all__
__all__ += filters.__all__
__all__ += patches.__all__
__all__ += resizing.__all__
__all__ += warping.__all__

for _name in __all__:
    globals()[_name] = _takes_symbols(f"image.{_name}", globals()[_name])
