"""Callbacks."""

from hornbeam.callbacks.callback import Callback, History  # noqa: F401
from hornbeam.callbacks.callback_list import CallbackList  # noqa: F401
from hornbeam.callbacks.monitors import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau  # noqa: F401
from hornbeam.callbacks.progress import ProgbarLogger  # noqa: F401
from hornbeam.callbacks.standard import CSVLogger, LambdaCallback, LearningRateScheduler, TerminateOnNaN  # noqa: F401
