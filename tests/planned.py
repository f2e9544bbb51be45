"""A Terraform plan as data: the root with every feature on and the roles of its pipeline, without an account."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from iam import listed
from world import ACCOUNT, make

from orchestrator import resources
from orchestrator.effects.files import write_bytes, write_tree
from orchestrator.effects.handback_zip import build_handback_zip
from orchestrator.effects.terraform import TerraformRunner, find_terraform, provider_environment
from orchestrator.plan.model import Plan, RenderedRoot
from orchestrator.render.terraform import HANDBACK_FILE, terraform_root

REGION = "eu-central-1"
# Long enough for every name that is cut to be cut.
LONG = "thumbnails-of-the-whole-shop-in-all-sizes-and-for-all-devices"
BOUND = f"arn:aws:iam::{ACCOUNT}:policy/orchestrator/thumbnails-bound"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f0e0d0c-1111-2222-3333-444455556666"
# A secret that every program here has in its environment, and none may write down.
CANARY = "glpat-canary-3f9a1c"

EVERYTHING = f"""
project: {{project}}
region: {REGION}
return: event
source: clone
gitlab: {{{{project: shop/thumbnails}}}}
clone: {{{{url: "https://gitlab.com/shop/thumbnails.git"}}}}
permissions_boundary: {{bound}}
supersede: true
artifacts: {{{{prefix: packages, key_arn: "{KEY}"}}}}
build: {{{{concurrent_builds: 2, queue_timeout_minutes: 30, timeout_minutes: 20}}}}
handback:
  alarm_topic_arn: arn:aws:sns:{REGION}:{ACCOUNT}:builds
  log_key_arn: {KEY}
  reserved_concurrency: 2
  token_key_arn: {KEY}
packages:
  parser: {{{{source: src}}}}
  other: {{{{source: src, architecture: x86_64}}}}
  inside:
    source: src
    build:
      image: {ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/builder:1
      privileged: true
      fleet: "arn:aws:codebuild:{REGION}:{ACCOUNT}:fleet/big:0f1e"
      vpc: {{{{id: vpc-0a1b2c3d, subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}}}}
      cache: {{{{kind: s3, paths: ["/var/cache/npm/**/*"]}}}}
  hub:
    source: src
    build:
      image: registry.example.com/builder:1
      registry_credential: "arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hub"
      privileged: true
      cache: {{{{kind: local, docker_layers: true}}}}
  quick: {{{{source: src, build: {{{{machine: lambda}}}}}}}}
"""
# Beside the root, so that one plan has both. In life somebody else applies this, once.
ROLES = """
module "roles" {{
  source = "{source}"

  account_id        = "{account}"
  artifact_store    = {{ bucket = "{bucket}", kms_key_arn = "{key}", prefix = "packages" }}
  deploy            = {{ policy_arns = ["arn:aws:iam::{account}:policy/queues"] }}
  gitlab_project    = "shop/thumbnails"
  handback          = true
  oidc_provider_arn = "arn:aws:iam::{account}:oidc-provider/gitlab.com"
  parameters        = ["/gitlab/trigger/{project}", "/gitlab/username", "/gitlab/pat"]
  project           = "{project}"
  reach = {{
    cache                    = true
    image_repository_arns    = ["arn:aws:ecr:{region}:{account}:repository/team/builder"]
    network                  = {{ security_groups = ["sg-0a1b2c3d"], subnets = ["subnet-0a1b2c3d"] }}
    registry_credential_arns = ["arn:aws:secretsmanager:{region}:{account}:secret:hub"]
  }}
  refs              = {{ start = [{{ name = "main" }}, {{ name = "v*", type = "tag" }}] }}
  region            = "{region}"
  state             = {{ bucket = "states", key = "thumbnails/terraform.tfstate" }}
}}
"""
BUCKET = f"thumbnails-of-the-whole-shop-1acaae84-{ACCOUNT}-{REGION}"
ROLES_MODULE = resources.folder("terraform") / "modules" / "pipeline-roles"


# A script for the emulator that lets every call through and notes it in the journal.
EVERY_CALL = {
    "rules": [{"service": "aws", "operation": "*", "answers": [{"kind": "delay", "seconds": 0}], "times": None}]
}


def apply_actions() -> set[str]:
    """Return the actions of the role that prebuild takes, as its file writes them."""
    text = (ROLES_MODULE / "apply.tf").read_text("utf-8")
    lists = re.findall(r"actions += \[(.*?)\]", text, re.DOTALL)
    return {action for one in lists for action in re.findall(r'"(.+?)"', one)}


@dataclass(frozen=True)
class Planned:
    """A plan in its folder, what `terraform show -json` says of it, and all resources by address with their values."""

    folder: Path
    text: str
    resources: Mapping[str, Mapping[str, Any]]

    @property
    def document(self) -> Any:
        """The whole plan as data."""
        return json.loads(self.text)

    def of(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return the resources of one type by address."""
        return {address: values for address, values in self.resources.items() if f".{kind}." in f".{address}"}


def everything(project: str = LONG) -> Plan:
    """Return the plan of a configuration that uses whatever makes something in AWS."""
    made = make(EVERYTHING.format(project=project, bound=BOUND), {"CI_PROJECT_ID": "7"})
    assert made.handback is not None
    return replace(made, handback=replace(made.handback, code_sha256=build_handback_zip().sha256))


def render(plan: Plan, folder: Path) -> RenderedRoot:
    """Write the Terraform root of a plan, complete."""
    root = terraform_root(
        plan,
        modules=resources.terraform_files(),
        backend_template=(resources.folder("terraform") / "backend.tf.j2").read_text("utf-8"),
        buildspec_template=(resources.folder("buildspecs") / "python.yml.j2").read_text("utf-8"),
    )
    write_tree(folder, root.files)
    write_bytes(folder / HANDBACK_FILE, build_handback_zip().content)
    return root


def plan_everything(folder: Path) -> Planned:
    """Plan the root and the roles for an account that has nothing yet."""
    render(everything(), folder)
    roles = ROLES.format(source=ROLES_MODULE, account=ACCOUNT, bucket=BUCKET, key=KEY, project=LONG, region=REGION)
    (folder / "roles.tf").write_text(roles)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    plain |= dict.fromkeys(("CI_JOB_TOKEN", "GITLAB_TOKEN", "ORCHESTRATOR_GITLAB_TOKEN", "TF_HTTP_PASSWORD"), CANARY)
    plain |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_EC2_METADATA_DISABLED": "true"}
    terraform = find_terraform(os.environ)
    with _sts() as address:
        environment = provider_environment({**plain, "AWS_ENDPOINT_URL_STS": address}, folder)
        runner = TerraformRunner(folder, executable=terraform, environment=environment, narrate=print)
        runner.init(backend_config=None)
        runner.plan(folder / "plan")
    shown = subprocess.run(
        [*terraform.argv, "show", "-json", "plan"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    ).stdout
    return Planned(folder, shown, dict(_resources(json.loads(shown)["planned_values"]["root_module"])))


def _resources(module: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for resource in module.get("resources", []):
        yield resource["address"], resource["values"]
    for child in listed(module.get("child_modules", [])):
        yield from _resources(child)


class _Sts(BaseHTTPRequestHandler):
    """Says whose account it is, which is all that a first plan asks AWS."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        caller = f"<Arn>arn:aws:iam::{ACCOUNT}:user/test</Arn><UserId>A</UserId><Account>{ACCOUNT}</Account>"
        body = (
            '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
            f"<GetCallerIdentityResult>{caller}</GetCallerIdentityResult></GetCallerIdentityResponse>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _sts() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Sts)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
