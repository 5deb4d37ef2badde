#!/usr/bin/env bash
# Install ebrule, as it lies beside this action, into a virtual environment of its own: $RUNNER_TEMP/ebrule.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source=$(cd -- "$here/../../.." && pwd -P)

extras=()
[[ ${INPUT_REGION:-${GENESYSCLOUD_REGION:-}} != sandbox ]] || extras+=(sandbox)
[[ -z ${EBRULE_AUDIT_OTLP:-} ]] || extras+=(otel)
what=$source
if ((${#extras[@]})); then
  what+="[$(IFS=, && echo "${extras[*]}")]"
fi

# -I: nothing in the workspace can stand in for a module of Python's own.
python3 -I -m venv "$RUNNER_TEMP/ebrule"
"$RUNNER_TEMP/ebrule/bin/python" -I -m pip install --quiet --disable-pip-version-check "$what"
