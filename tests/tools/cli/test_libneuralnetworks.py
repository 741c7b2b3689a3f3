"""``nnhal libneuralnetworks``."""

import json
from pathlib import Path


def test_prints_where_the_library_is(nnhal):
    result = nnhal("libneuralnetworks")
    assert result.code == 0, result.err
    path = Path(result.out.splitlines()[-1])
    assert path.name == "libneuralnetworks.so"
    assert path.read_bytes().startswith(b"\x7fELF")


def test_prints_where_the_header_is(nnhal):
    folder = Path(nnhal("libneuralnetworks", "--header").out.splitlines()[-1])
    assert "ANeuralNetworksModel_create" in (folder / "android" / "NeuralNetworks.h").read_text()
    assert (folder / "NeuralNetworks.h").is_file()


def test_tells_programs_both(nnhal):
    told = json.loads(nnhal("libneuralnetworks", "--json").out)
    assert told["path"] == nnhal("libneuralnetworks").out.strip()
    assert told["include"] == nnhal("libneuralnetworks", "--header").out.strip()


def test_says_what_is_missing(nnhal, tmp_path):
    result = nnhal("libneuralnetworks", NNHAL_CACHE_DIR=str(tmp_path), CC="nonesuch")
    assert result.code == 1
    assert result.complaint.startswith("nnhal: OP_FAILED: CC names 'nonesuch', which is not there; ")
