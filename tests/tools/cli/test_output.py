"""What the subcommands print with."""

import json
import math

from tools.cli.output import json_text


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def test_json_is_json_whatever_the_numbers():
    value = {"a": [1.5, math.inf, -math.inf], "b": (math.nan, {"c": math.inf}), "d": None, "e": True}
    for indent in (None, 2):
        read = json.loads(json_text(value, indent=indent), parse_constant=refuse)
        assert read == {"a": [1.5, "inf", "-inf"], "b": ["nan", {"c": "inf"}], "d": None, "e": True}
