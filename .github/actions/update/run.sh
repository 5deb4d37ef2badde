#!/usr/bin/env bash
# Run `ebrule update` as the inputs say, write the outputs and the job summary, end with ebrule's own exit code.
# Inputs come as environment variables, INPUT_FILE and so on: no text of theirs is ever read as shell or as an option.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

arguments=(update --output=json "--file=$INPUT_FILE")
[[ -z ${INPUT_RULE_ID:-} ]] || arguments+=("--rule-id=$INPUT_RULE_ID")
[[ -z ${INPUT_REGION:-} ]] || arguments+=("--region=$INPUT_REGION")
[[ -z ${INPUT_REASON:-} ]] || arguments+=("--reason=$INPUT_REASON")
# Through the environment, since a webhook's URL may hold a token and a command line is there for all to see.
[[ -z ${INPUT_WEBHOOK_URL:-} ]] || export EBRULE_WEBHOOK_URL=$INPUT_WEBHOOK_URL
case $INPUT_DRY_RUN in
  true) arguments+=(--dry-run) ;;
  false) ;;
  # A "yes" that was meant as true must not become an update, nor an expression that came out empty.
  *)
    echo "error: the input dry-run must be true or false" >&2
    exit 2
    ;;
esac

# A cancelled job signals this script only. ebrule must hear of it, to find out what became of an update under way;
# and its exit code is waited for again, since a wait that a signal cut short has not got it.
trap 'interrupted=true; kill -TERM "${ebrule:-}" 2>/dev/null || true' INT TERM

document=$(mktemp "$RUNNER_TEMP/ebrule-result.XXXXXX")
ebrule "${arguments[@]}" >"$document" &
ebrule=$!
interrupted=true
while [[ $interrupted == true ]]; do
  interrupted=false
  code=0
  wait "$ebrule" || code=$?
done

cat "$document"
# Marks on the file's own lines in a pull request. On standard error, since standard output is the one document.
if ((code == 3)) && [[ $INPUT_FILE != - ]]; then
  ebrule validate --output=github -- "$INPUT_FILE" >&2 || true
fi
python3 -I "$here/summary.py" "$document" "$code" ||
  echo "warning: the outputs and the summary could not be written; the exit code is ebrule's own" >&2
exit "$code"
