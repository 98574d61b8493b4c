"""Callbacks."""

from hornbeam.callbacks.callback import Callback, History
from hornbeam.callbacks.callback_list import CallbackList
from hornbeam.callbacks.monitors import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from hornbeam.callbacks.progress import ProgbarLogger
from hornbeam.callbacks.standard import CSVLogger, LambdaCallback, LearningRateScheduler, TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
