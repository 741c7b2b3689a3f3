"""``nnhal fetch-models``; what fetching does is in ``test_models``."""

import json

import pytest

from tools.models import SHA256


def test_lists_all_models(nnhal, models):
    listed = {entry["name"]: entry["path"] for entry in json.loads(nnhal("fetch-models", "--json").out)}
    assert listed == {name: str(path) for name, path in models.items()}
    table = nnhal("fetch-models").out
    assert all(name in table for name in SHA256)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_download_that_fails(nnhal, tmp_path, options):
    result = nnhal("fetch-models", tmp_path, *options, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert result.code == 1
    assert result.out == ""
    assert result.complaint.startswith("nnhal: OP_FAILED: pip could not download")
