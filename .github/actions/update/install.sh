#!/usr/bin/env bash
# Install ebrule, as it lies beside this action, into a virtual environment of its own: $RUNNER_TEMP/ebrule.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
source=$(cd -- "$here/../../.." && pwd -P)

what=$source
if [[ ${INPUT_REGION:-${GENESYSCLOUD_REGION:-}} == sandbox ]]; then
  what+='[sandbox]'
fi

# -I: nothing in the workspace can stand in for a module of Python's own.
python3 -I -m venv "$RUNNER_TEMP/ebrule"
"$RUNNER_TEMP/ebrule/bin/python" -I -m pip install --quiet --disable-pip-version-check "$what"
