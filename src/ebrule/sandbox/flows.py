"""``GET /api/v2/flows/{id}``: the Architect flows that triggers start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from ebrule.sandbox import scopes, seed
from ebrule.sandbox.access import authorize
from ebrule.sandbox.openapi import Operation, Parameter
from ebrule.sandbox.paging import boolean_parameter
from ebrule.sandbox.replies import ApiError
from ebrule.sandbox.validation import Open

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ebrule.sandbox.resources import Resources

_PATH: Final = "/api/v2/flows/{id}"


class FlowVersion(Open):
    """A version of a flow."""

    id: str
    name: str
    type: str
    date_published: str


class Flow(Open):
    """An Architect flow; it has no ``publishedVersion`` until it is published."""

    id: str
    name: str
    type: str
    active: bool
    system: bool
    deleted: bool
    published_version: FlowVersion | None = None
    self_uri: str


async def _read_flow(request: Request) -> Response:
    caller = await authorize(request, scopes.FLOW_READ)
    wants_deleted = boolean_parameter(request, "deleted")
    flow_id = request.path_params["id"]
    try:
        flow = await run_in_threadpool(caller.resources.read, seed.FLOW, flow_id)
    except ApiError:
        raise ApiError(404, "Could not find flow with specified ID.", "architect.flow.not.found") from None
    if flow.body["deleted"] and not wants_deleted:
        raise ApiError(410, "Flow has been deleted.", "architect.flow.deleted")
    return JSONResponse({"id": flow.id, **flow.body, "selfUri": _PATH.format(id=flow.id)})


def problems(resources: Resources, flow_id: str) -> list[str]:
    """Tell why a trigger could not start a flow, in words; nothing if it could."""
    try:
        flow: dict[str, Any] = resources.read(seed.FLOW, flow_id).body
    except ApiError:
        return [f"There is no flow {flow_id}."]
    found = {
        f"The flow is of type {flow['type']}, not WORKFLOW.": flow["type"].upper() != "WORKFLOW",
        "The flow has been deleted.": flow["deleted"],
        "The flow is not active.": not flow["active"],
        "The flow is not published.": "publishedVersion" not in flow,
    }
    return [problem for problem, there in found.items() if there]


ROUTES: Final = (Route(_PATH, _read_flow, methods=["GET"]),)
OPERATIONS: Final = (
    Operation(
        "get",
        _PATH,
        "getFlow",
        "Read an Architect flow",
        Flow,
        need=scopes.FLOW_READ,
        errors=(400, 403, 404, 410, 429),
        ids=("flow-callback", "flow-unpublished"),
        query=(Parameter("deleted", {"type": "boolean"}, "Answer for a deleted flow, too."),),
    ),
)
