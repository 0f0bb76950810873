# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small stand-in for AWX's API, for the modules of awx.awx: it keeps what AWX would, and refuses what AWX refuses.

with AwxStub(playbooks={"playbooks/audit.yml"}) as awx:
    subprocess.run([...], env=os.environ | awx.environment)
    assert awx.named("job_templates")["Audit"]["job_type"] == "check"
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.awx.schema import NOTIFICATIONS, RESOURCES, TEMPLATES, Ref, survey

API = "/api/v2/"
TOKEN = "a-token-of-the-stub"
Answer = tuple[int, Any]


class RefusedError(Exception):
    """AWX refuses a request: its status, and the body that says why."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(body)
        self.answer: Answer = (status, body)


class Store:
    """All resources of an AWX, by endpoint and id; ids count up over all of them."""

    def __init__(self, playbooks: Iterable[str]) -> None:
        self.playbooks = frozenset(playbooks)
        self.items: dict[str, dict[int, dict[str, Any]]] = {endpoint: {} for endpoint in RESOURCES}
        self.links: dict[tuple[int, str], list[int]] = defaultdict(list)
        self.surveys: dict[int, Any] = {}
        self.writes: list[str] = []

    def create(self, endpoint: str, body: Mapping[str, Any]) -> dict[str, Any]:
        resource = RESOURCES[endpoint]
        missing = {name: ["This field is required."] for name in resource.required - body.keys()}
        if missing:
            raise RefusedError(400, missing)
        self._check(endpoint, body)
        twin = [item for item in self.items[endpoint].values() if _same(item, body, resource.unique)]
        if resource.unique and twin:
            raise RefusedError(400, {"__all__": [f"{resource.type} with this {resource.unique} already exists."]})
        number = 1 + sum(len(items) for items in self.items.values())
        self.items[endpoint][number] = {"id": number, "type": resource.type, **resource.defaults, **body}
        if endpoint == "inventory_sources":  # awx/main/models/inventory.py, InventorySource.save
            self.items[endpoint][number]["organization"] = self.items["inventories"][body["inventory"]]["organization"]
        return self.shown(endpoint, number)

    def update(self, endpoint: str, number: int, body: Mapping[str, Any]) -> dict[str, Any]:
        self._check(endpoint, body)
        self.items[endpoint][number] |= body
        return self.shown(endpoint, number)

    def _check(self, endpoint: str, body: Mapping[str, Any]) -> None:
        """Names, types, choices and references; then what hangs together."""
        fields, wrong = RESOURCES[endpoint].fields, {}
        for name, value in body.items():
            rule = fields.get(name)
            if rule is None:
                problem: str | None = "Unknown field."
            elif isinstance(rule, Ref):
                known = any(value in self.items[place] for place in rule.endpoints)
                problem = None if known else f'Invalid pk "{value}" - object does not exist.'
            else:
                problem = rule(value)
            if problem:
                wrong[name] = [problem]
        kind = body.get("notification_type")
        lacking = NOTIFICATIONS.get(str(kind), frozenset()) - body.get("notification_configuration", {}).keys()
        if lacking:
            wrong["notification_configuration"] = [
                f"Missing required fields for Notification Configuration: {lacking}."
            ]
        if "playbook" in body and body["playbook"] not in self.playbooks:
            wrong["playbook"] = ["Playbook not found for project."]
        if body.get("source") == "scm" and not {"source_project", "source_path"} <= body.keys():
            wrong["source_project"] = ["Project required for scm type sources."]
        if endpoint == "credentials" and not wrong:
            wrong |= self._inputs(body)
        if wrong:
            raise RefusedError(400, wrong)

    def _inputs(self, body: Mapping[str, Any]) -> dict[str, list[str]]:
        """The inputs of a credential are those of its type."""
        inputs = self.items["credential_types"][body["credential_type"]].get("inputs", {})
        known, given = {field["id"] for field in inputs.get("fields", ())}, body.get("inputs", {}).keys()
        return {"inputs": [f"{given ^ known}: unknown or missing"]} if given - known else {}

    def shown(self, endpoint: str, number: int) -> dict[str, Any]:
        """A resource as AWX shows it, with its own address and those of its relatives."""
        item = self.items[endpoint][number]
        url = f"{API}{endpoint}/{number}/"
        related, summary = {name: f"{url}{name}/" for name in RESOURCES[endpoint].associations}, {}
        if endpoint.endswith("job_templates"):
            related["survey_spec"] = f"{url}survey_spec/"
        template = item.get("unified_job_template")
        if template:
            related["unified_job_template"] = f"{API}{self._endpoint_of(template)}/{template}/"
        if endpoint == "projects":  # an update has begun by itself
            summary["current_update"] = {"id": number}
        return {**item, "url": url, "related": related, "summary_fields": summary, "scm_revision": ""}

    def _endpoint_of(self, number: int) -> str:
        return next(endpoint for endpoint in TEMPLATES if number in self.items[endpoint])

    def found(self, endpoint: str, wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        """The resources of a list that all filters fit; or__ filters are alternatives."""
        places = TEMPLATES if endpoint == "unified_job_templates" else (endpoint,)
        shown = [self.shown(place, number) for place in places for number in self.items[place]]
        either = {name.removeprefix("or__"): value for name, value in wanted.items() if name.startswith("or__")}
        every = {name: value for name, value in wanted.items() if not name.startswith("or__")}
        return [
            item
            for item in shown
            if all(str(item.get(name)) == value for name, value in every.items())
            and (not either or any(str(item.get(name)) == value for name, value in either.items()))
        ]

    def link(self, endpoint: str, number: int, name: str, body: Mapping[str, Any]) -> None:
        """Associate or disassociate a relative."""
        target, linked = RESOURCES[endpoint].associations[name], self.links[number, name]
        if body["id"] not in self.items[target]:
            raise RefusedError(400, {"detail": f"{target} {body['id']} does not exist."})
        if body.get("disassociate"):
            linked.remove(body["id"])
            return
        kinds = [self.items[target][other].get("credential_type") for other in (*linked, body["id"])]
        if name == "credentials" and len(set(kinds)) < len(kinds):
            raise RefusedError(400, {"detail": "Cannot assign multiple credentials of one type."})
        linked.append(body["id"])


def _same(item: Mapping[str, Any], body: Mapping[str, Any], names: Iterable[str]) -> bool:
    return all(item.get(name) == body.get(name) for name in names)


def _name(item: Mapping[str, Any]) -> str:
    return str(item.get("name") or item["identifier"])


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def do_PATCH(self) -> None:
        self._answer(self._patch)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def _answer(self, act: Any) -> None:
        address = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or "{}") if length else {}
        parts = [part for part in address.path.removeprefix(API).split("/") if part]
        store = self.server.store
        with self.server.lock:
            try:
                self._authenticate()
                if self.command != "GET":
                    store.writes.append(f"{self.command} {address.path}")
                status, told = act(store, parts, body or dict(parse_qsl(address.query)))
            except RefusedError as refused:
                status, told = refused.answer
            except (KeyError, ValueError):
                status, told = 404, {"detail": "Not found."}
        self._send(status, told)

    def _authenticate(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise RefusedError(401, {"detail": "Authentication credentials were not provided."})

    def _send(self, status: int, told: Any) -> None:
        content = b"" if status == 204 else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.end_headers()
        self.wfile.write(content)

    @staticmethod
    def _get(store: Store, parts: list[str], wanted: dict[str, Any]) -> Answer:
        if len(parts) == 1:
            if parts[0] != "unified_job_templates" and parts[0] not in RESOURCES:
                raise KeyError(parts[0])
            return _listed(store.found(parts[0], wanted))
        endpoint, number = parts[0], int(parts[1])
        if endpoint == "project_updates":
            return 200, {"status": "successful", "finished": "now"}
        if len(parts) == 2:
            return 200, store.shown(endpoint, number)
        if parts[2] == "survey_spec":
            return 200, store.surveys.get(number, {})
        target = RESOURCES[endpoint].associations[parts[2]]
        return _listed([store.shown(target, other) for other in store.links[number, parts[2]]])

    @staticmethod
    def _post(store: Store, parts: list[str], body: dict[str, Any]) -> Answer:
        if len(parts) == 1:
            return 201, store.create(parts[0], body)
        endpoint, number, name = parts[0], int(parts[1]), parts[2]
        if number not in store.items[endpoint]:
            raise KeyError(number)
        if name == "survey_spec":
            wrong = survey(body)
            if wrong:
                raise RefusedError(400, {"error": wrong})
            store.surveys[number] = body
            return 200, {}
        if name == "create_approval_template":
            approval = store.create("workflow_approval_templates", body)
            store.update(endpoint, number, {"unified_job_template": approval["id"]})
            return 201, approval
        store.link(endpoint, number, name, body)
        return 204, None

    @staticmethod
    def _patch(store: Store, parts: list[str], body: dict[str, Any]) -> Answer:
        return 200, store.update(parts[0], int(parts[1]), body)


def _listed(results: list[dict[str, Any]]) -> Answer:
    return 200, {"count": len(results), "next": None, "previous": None, "results": results}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, store: Store) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.store = store
        self.lock = threading.Lock()


class AwxStub:
    """The stub on a port of its own, with what every AWX has: an organization, the credential type for AWS."""

    def __init__(self, playbooks: Iterable[str]) -> None:
        self.store = Store(playbooks)
        default = self.store.create("organizations", {"name": "Default"})
        aws = self.store.create("credential_types", {"name": "Amazon Web Services", "kind": "cloud"})
        for name in ("AWS audit", "AWS plan", "AWS enforcement"):
            made = {"name": name, "organization": default["id"], "credential_type": aws["id"]}
            self.store.create("credentials", made)
        self._server = _Server(self.store)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """What leads the modules of awx.awx here."""
        return {
            "CONTROLLER_HOST": f"http://127.0.0.1:{self._server.server_address[1]}",
            "CONTROLLER_OAUTH_TOKEN": TOKEN,
        }

    def named(self, endpoint: str) -> dict[str, dict[str, Any]]:
        """The resources of an endpoint by name, relatives by their names instead of ids."""
        return {_name(item): self._told(endpoint, item) for item in self.store.items[endpoint].values()}

    def _told(self, endpoint: str, item: Mapping[str, Any]) -> dict[str, Any]:
        names = {number: _name(other) for items in self.store.items.values() for number, other in items.items()}
        fields = RESOURCES[endpoint].fields
        told = {name: names[value] if isinstance(fields.get(name), Ref) else value for name, value in item.items()}
        for name in RESOURCES[endpoint].associations:
            told[name] = sorted(names[number] for number in self.store.links[item["id"], name])
        return {**told, "survey": self.store.surveys.get(item["id"])}

    def __enter__(self) -> AwxStub:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
