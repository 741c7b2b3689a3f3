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


def test_hardware_of_simulated_devices(nnhal):
    (cpu,) = json.loads(nnhal("devices", "--json", NNHAL_DEVICES="cpu=snapdragon-450").out)
    assert cpu["part"].startswith("Snapdragon 450")
    assert cpu["levels"][-1] == {"clock_hz": 1.8e9, "volts": 0.95}
    shown = nnhal("devices", NNHAL_DEVICES="cpu=snapdragon-450").out
    assert all(word in shown for word in ("Snapdragon 450", "650, 1040, 1400, 1800"))


def test_description_to_copy_and_change(nnhal, tmp_path):
    shown = nnhal("devices", "--show", "cpu/snapdragon-855").out
    path = tmp_path / "my_cpu.toml"
    path.write_text(shown.replace("Snapdragon 855", "My processor"))
    listed = json.loads(nnhal("devices", "--spec", path, "--json", NNHAL_DEVICES="cpu").out)
    assert [(each["name"], each["part"].split(":")[0]) for each in listed] == [
        ("cpu", "Snapdragon 855"),
        ("my_cpu", "My processor"),
    ]


def test_descriptions_that_there_are_not(nnhal, tmp_path):
    result = nnhal("devices", "--show", "cpu")
    assert result.complaint == (
        "nnhal: BAD_DATA: the driver 'cpu' has no description 'cpu'; "
        "it has cpu/snapdragon-450, cpu/snapdragon-855, cpu/snapdragon-865"
    )
    assert "no driver is registered as 'tpu'" in nnhal("devices", "--show", "tpu/snapdragon-855").complaint
    assert "there is no description" in nnhal("devices", "--spec", tmp_path / "x.toml").complaint
    (tmp_path / "x.toml").write_text(nnhal("devices", "--show", "cpu/snapdragon-855").out.replace("cores", "core"))
    assert "cpu.core is unknown; did you mean cpu.cores?" in nnhal("devices", "--spec", tmp_path / "x.toml").complaint
