"""Parses dashboards with the Grafana Foundation SDK, encodes them again, and prints each field that is not the same."""

import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

def lost(before, after, path):
    """Yields the fields of `before` that `after` lacks or has otherwise. Fields that the SDK adds are defaults."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield path + "." + key
            else:
                yield from lost(value, after[key], path + "." + key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after):
            yield from lost(one, other, path + "[]")
    elif before != after:
        yield f"{path}: {before!r} became {after!r}"

register_default_plugins()
for name in sys.argv[1:]:
    before = json.load(open(name))
    after = json.loads(json.dumps(Dashboard.from_json(before), cls=JSONEncoder))
    for what in sorted(set(lost(before, after, ""))):
        print(f"{name}: {what}")
