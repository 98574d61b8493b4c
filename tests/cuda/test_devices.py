"""Which device is taken, and what is said when it cannot be."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import hornbeam as hb
from hornbeam import ops


def script(code, **env):
    """Runs Python in a process of its own; gives what it prints."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_the_cpu_comes_first_and_gpus_have_names_and_memory():
    devices = hb.config.list_devices()
    assert [d["name"] for d in devices[:2]] == ["cpu:0", "gpu:0"]
    assert all(d["bytes"] > 0 and d["description"] for d in devices)


def test_scopes_nest_and_end_with_their_block():
    outside = hb.config.device()
    with hb.device("gpu"):
        assert hb.config.device() == "gpu:0"
        with hb.device("cpu"):
            assert hb.config.device() == "cpu:0"
        assert hb.config.device() == "gpu:0"
        seen = []
        other = threading.Thread(target=lambda: seen.append(hb.config.device()))
        other.start()
        other.join()
        assert seen == [outside]  # a scope is its thread's
    assert hb.config.device() == outside
    with pytest.raises(KeyError), hb.device("gpu"):
        raise KeyError
    assert hb.config.device() == outside


def test_set_device_holds_for_all_threads_until_it_is_taken_back():
    outside = hb.config.device()
    hb.config.set_device("cuda:0")
    try:
        seen = []
        other = threading.Thread(target=lambda: seen.append(hb.config.device()))
        other.start()
        other.join()
        assert seen == ["gpu:0"]
    finally:
        hb.config.set_device(None)
    assert hb.config.device() == outside


@pytest.mark.parametrize(
    ("name", "error"), [("tpu", ValueError), ("gpu:x", ValueError), ("cpu:1", ValueError), (3, TypeError)]
)
def test_what_is_no_device_is_refused(name, error):
    with pytest.raises(error, match="Received: "):
        hb.device(name)
    with pytest.raises(error, match="Received: "):
        hb.config.set_device(name)
    with pytest.raises(error, match="Received: "):
        hb.function(lambda x: x, device=name)
    model = hb.Sequential([hb.Input((2,)), hb.layers.Dense(1)])
    with pytest.raises(error, match="Received: "):
        model.compile("sgd", "mse", device=name)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(RuntimeError, match=r'there is no device "gpu:7": the driver finds 1'):
        hb.config.set_device("gpu:7")
    with pytest.raises(RuntimeError, match='no device "gpu:7"'), hb.device("gpu:7"):
        pass


def test_eager_ops_functions_and_models_follow_the_device():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    f = hb.function(lambda t: ops.exp(t) + 1)
    on_gpu = hb.function(lambda t: ops.exp(t) + 1, device="gpu")
    want = np.exp(x) + 1
    with hb.device("gpu"):
        np.testing.assert_allclose(ops.exp(x) + 1, want, rtol=1e-6)
        np.testing.assert_allclose(f(x), want, rtol=1e-6)
    for g in (f, on_gpu):
        np.testing.assert_allclose(g(x), want, rtol=1e-6)


def test_hb_device_chooses():
    code = "import hornbeam as hb; print(hb.config.device(), hb.show_config('dicts')['device'])"
    assert script(code, HB_DEVICE="gpu") == "gpu:0 gpu:0"
    assert script(code, HB_DEVICE="cpu") == "cpu:0 cpu:0"
    assert script(code, HB_DEVICE="") == "gpu:0 gpu:0"  # by itself, where a GPU can be used
    code = """
        import hornbeam as hb
        try:
            hb.ops.exp(1.0)
        except ValueError as e:
            print(e)
    """
    assert script(code, HB_DEVICE="abacus") == (
        'HB_DEVICE must be "cpu", "gpu" or "gpu:N". Received: HB_DEVICE="abacus"'
    )


ASK = """
    import hornbeam as hb
    print(hb.config.device(), float(hb.ops.exp(0.0)))
    print([d["name"] for d in hb.config.list_devices()])
    try:
        hb.config.set_device("gpu")
    except RuntimeError as e:
        print(e)
    print(hb.config.device(), float(hb.ops.exp(0.0)), isinstance(hb.show_config("dicts")["gpu"], str))
"""


def test_without_a_driver_the_cpu_goes_on_and_the_message_says_what_to_install(tmp_path):
    out = script(ASK, HB_DEVICE="", HB_CUDA_PATH=str(tmp_path)).splitlines()
    assert out[0] == "cpu:0 1.0" and out[1] == "['cpu:0']" and out[3] == "cpu:0 1.0 True"
    for part in ("libcuda.so.1", str(tmp_path), "where the system looks", "Install the driver", "HB_CUDA_PATH"):
        assert part in out[2]


def stub(folder, name, functions):
    """A library with functions that do nothing and succeed."""
    source = folder / "stub.c"
    source.write_text("\n".join(f"int {f}(void) {{ return 0; }}" for f in functions))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / name, source], check=True)


def test_a_driver_that_lacks_a_function_is_too_old(tmp_path):
    stub(tmp_path, "libcuda.so.1", ["cuInit"])
    out = script(ASK, HB_DEVICE="", HB_CUDA_PATH=str(tmp_path)).splitlines()
    assert out[0] == "cpu:0 1.0"
    assert f"is too old: {tmp_path}/libcuda.so.1 has no cuDriverGetVersion" in out[2]


@pytest.mark.skipif("HB_CUDA_PATH" not in os.environ, reason="a real driver's neighbours cannot be hidden")
def test_without_the_compiler_the_message_names_it(tmp_path):
    driver = os.path.join(os.environ["HB_CUDA_PATH"].split(":")[0], "libcuda.so.1")
    os.symlink(driver, tmp_path / "libcuda.so.1")
    out = script(ASK, HB_DEVICE="", HB_CUDA_PATH=str(tmp_path)).splitlines()
    assert out[0] == "cpu:0 1.0"
    assert "NVRTC" in out[2] and 'pip install "hornbeam[cuda]"' in out[2]


def test_memory_that_the_device_has_not_is_a_memory_error_and_the_next_smaller_call_works():
    out = script(
        """
        import numpy as np, hornbeam as hb
        f = hb.function(lambda x: hb.ops.exp(x) + 1, device="gpu")
        f(np.zeros(10, "float32"))
        try:
            f(np.zeros(1 << 22, "float32"))
        except MemoryError as e:
            print(e)
        print(float(f(np.zeros(1 << 10, "float32"))[-1]))
        table = hb.Variable(np.zeros(3 << 20, "float32"), name="table")
        step = hb.function(lambda x: table.assign(table * x), device="gpu")
        try:
            step(np.float32(2))
        except MemoryError as e:
            print(e)
        """,
        HB_FAKE_CUDA_MEMORY=str(8 << 20),
    ).splitlines()
    assert 'the program\'s working memory needs 33554432 bytes on "gpu:0", which has ' in out[0]
    assert "free of 8388608" in out[0]
    assert out[1] == "2.0"
    assert 'variable "table" needs 12582912 bytes' in out[2]


def test_show_config_names_the_libraries():
    gpu = hb.show_config("dicts")["gpu"]
    assert gpu[0] == "usable" and len(gpu) == 3
    assert gpu[1].startswith("cuBLASLt") and gpu[2].startswith("cuDNN")


@pytest.mark.skipif("HB_CUDA_PATH" not in os.environ, reason="a real driver's neighbours cannot be hidden")
def test_a_library_that_is_missing_is_named(tmp_path):
    for name in ("libcuda.so.1", "libnvrtc.so.13"):
        os.symlink(os.path.join(os.environ["HB_CUDA_PATH"].split(":")[0], name), tmp_path / name)
    out = script("import hornbeam as hb; hb.show_config()", HB_DEVICE="gpu", HB_CUDA_PATH=str(tmp_path))
    assert "cuBLASLt is not used: " in out and "libcublasLt.so.13" in out and 'pip install "hornbeam[cuda]"' in out


def test_one_scope_object_may_be_entered_by_several_threads():
    scope, inside, leave = hb.device("gpu"), threading.Event(), threading.Event()
    seen = []

    def enter():
        with scope:
            inside.set()
            leave.wait(60)
            seen.append(hb.config.device())

    outside = hb.config.device()
    other = threading.Thread(target=enter)
    other.start()
    inside.wait(60)
    with scope:
        leave.set()
        other.join()
        seen.append(hb.config.device())
    assert seen == ["gpu:0", "gpu:0"] and hb.config.device() == outside
