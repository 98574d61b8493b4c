"""What this build and machine offer."""

from __future__ import annotations

from typing import Any

from hornbeam import _core
from hornbeam._version import __version__


def show_config(mode: str = "print") -> Any:
    """Version, instruction sets, threads, devices (and why a GPU cannot be used) and number of ops.

    Args:
        mode: "print", or "dicts" to return them.
    """
    info = {
        "version": __version__,
        "isa": _core.default_isa_name(),
        "isas": _core.isa_names(),
        "threads": _core.thread_count(),
        "team": _core.thread_kind(),
        "devices": [f"{name} ({what})" for name, what, _ in _core.list_devices()],
        "device": _core.default_device(),
        "gpu": _core.gpu_problem() or ["usable", *_core.gpu_libraries()],
        "ops": len(_core.list_ops()),
        "passes": _core.pass_names(),
    }
    if mode == "dicts":
        return info
    for k, v in info.items():
        print(f"{k}: {', '.join(map(str, v)) if isinstance(v, list) else v}")
    return None
