"""MediaPipe's models, fetched once."""

import pytest

from hal.errors import OpFailedError
from tools.models import fetch_models


@pytest.fixture(scope="session")
def models():
    """The path of each model, by name."""
    try:
        return fetch_models()
    except OpFailedError as error:
        pytest.skip(str(error))
