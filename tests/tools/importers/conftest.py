"""TFLite files made by hand."""

import pytest

from tests.tools.importers.tflite_writer import Writer


@pytest.fixture
def write(tmp_path):
    """Writes a file of graphs and returns its path."""

    def write_file(*graphs, version=3):
        path = tmp_path / "model.tflite"
        path.write_bytes(Writer().file(graphs, version))
        return path

    return write_file
