"""A local Genesys Cloud for event-routing rules: try ebrule, or test it, without an org.

A real HTTP server on loopback with the paths, limits, replies and headers of the service, its state in one
SQLite file, and faults on request. It imports nothing from ebrule's other rooms, so that the two sides of a
test cannot share a mistake.

    server.py        serve(): bind, run, stop; python -m ebrule.sandbox
    app.py           create_app(): the routes and the layers around them
    tokens.py        POST /oauth/token; scopes.py: what each client may
    identity.py      GET /api/v2/tokens/me and /api/v2/organizations/me
    health.py        GET /api/v2/health
    eventbridge.py   rules and targets of the kind ``eventbridge``: a further kind is a further such file
    triggers.py      the kind ``trigger`` and its topics (topics.py); testmode.py: would an event start one?
    matching.py      when an event meets a trigger's criterion
    flows.py         the Architect flows that triggers start
    integrations.py  the kind ``eventbridge-source``
    access.py        who calls, and may they? limits.py: how often?
    resources.py     versioned resources with compare-and-set, and the history of what was applied
    storing.py       what an organization makes of the bodies that it stores
    replica.py       what a GET shows that is answered by a replica behind the last writes
    database.py      the SQLite file, reset(); seed.py: its initial data
    bodies.py        request bodies, read strictly; validation.py: held against their models
    paging.py        lists in pages, and the parameters of a query
    replies.py       error bodies as Genesys Cloud writes them
    trace.py         correlation ids and the log of requests
    faults.py        what a fault specification says; misbehaviour.py: what each fault does
    openapi.py       the document at /openapi.json
    services.py      what every route can reach; clock.py: how a time is written

A feature is a module with ``ROUTES`` and ``OPERATIONS``, named in ``app.py``; its initial data stands in
``seed.py``, its scopes in ``scopes.py``.
"""
