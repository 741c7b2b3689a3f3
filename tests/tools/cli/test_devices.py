"""``nnhal devices``."""

import json


def test_devices(nnhal):
    (cpu,) = [entry for entry in json.loads(nnhal("devices", "--json").out) if entry["name"] == "cpu"]
    assert (cpu["type"], cpu["extensions"]) == ("CPU", [])
    result = nnhal("devices")
    assert result.code == 0
    assert "cpu" in result.out


def test_device_that_does_not_exist(nnhal):
    result = nnhal("devices", NNHAL_DEVICES="abacus")
    assert result.code == 1
    assert result.complaint.startswith("nnhal: UNAVAILABLE_DEVICE: NNHAL_DEVICES has 'abacus'")
