"""Faults are numbered from 1 to 55. A test of one is called ``test_fault_07_what_it_is``; every number has at least one."""

import pathlib
import re

NOT_HERE_YET = {43}  # needs the callback BackupAndRestore


def test_every_fault_has_a_test():
    tested = set()
    for file in pathlib.Path(__file__).parent.glob("test_*.py"):
        tested |= {int(n) for n in re.findall(r"def test_fault_(\d\d)_", file.read_text())}
    assert set(range(1, 56)) - tested == NOT_HERE_YET
