"""A bucket that somebody else has made under our bucket's name gets nothing and gives nothing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import botocore.session
from botocore import xform_name

from orchestrator import effects, handback, packaging, resources

ROOMS = [Path(room.__file__).parent for room in (effects, handback, packaging)]


def test_every_request_to_s3_names_the_owner() -> None:
    """No call of an S3 operation leaves out which account the bucket must belong to, nor does the buildspec."""
    model = botocore.session.get_session().get_service_model("s3")
    known = {
        xform_name(name)
        for name in model.operation_names
        if "ExpectedBucketOwner" in getattr(model.operation_model(name).input_shape, "members", {})
    }
    calls, bare = 0, []
    for file in (file for room in ROOMS for file in room.rglob("*.py")):
        text = file.read_text("utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in known:
                calls += 1
                named = {keyword.arg for keyword in node.keywords}
                # `**something` stands for a mapping that the same module makes.
                if not ("ExpectedBucketOwner" in named or (None in named and "ExpectedBucketOwner" in text)):
                    bare.append(f"{file.name}:{node.lineno}")
    assert calls >= 10
    assert bare == []
    buildspec = (resources.folder("buildspecs") / "python.yml.j2").read_text("utf-8")
    commands = re.findall(r"aws s3\S* .*", buildspec)
    assert commands
    assert all(' --expected-bucket-owner "$' in command for command in commands)
