"""Every test process gets a runtime directory of its own, so that nothing running elsewhere is found."""

import os
import tempfile

import hypothesis
import pytest

os.environ["NNHAL_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="nnhal-test-")
os.environ["NNHAL_TUNING"] = "0"  # trials take time, and what they choose changes no result
for name in ("NNHAL_DEVICES", "NNHAL_CPU_THREADS"):
    os.environ.pop(name, None)

hypothesis.settings.register_profile("nnhal", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("nnhal")


@pytest.fixture(scope="session", autouse=True)
def _remove_runtime_directory():
    yield
    import shutil

    shutil.rmtree(os.environ["NNHAL_RUNTIME_DIR"], ignore_errors=True)
