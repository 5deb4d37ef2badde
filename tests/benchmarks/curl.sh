#!/bin/sh
# An update as a shell script makes it: curl.sh RULE_ID RULE.json. One call after the other, nothing is retried.
set -eu
rule_url="$EBRULE_API_URL/api/v2/eventbridge/routing/rules/$1"

token=$(curl -fsS -u "$GENESYSCLOUD_OAUTHCLIENT_ID:$GENESYSCLOUD_OAUTHCLIENT_SECRET" \
  -d grant_type=client_credentials "$EBRULE_API_URL/oauth/token" | jq -r .access_token)
version=$(curl -fsS -H "Authorization: Bearer $token" "$rule_url" | jq .version)
for target in $(jq -r '.targets[].id' "$2"); do
  curl -fsS -o /dev/null -H "Authorization: Bearer $token" "$EBRULE_API_URL/api/v2/eventbridge/targets/$target"
done
jq --argjson version "$version" '. + {$version}' "$2" |
  curl -fsS -X PUT --json @- -H "Authorization: Bearer $token" "$rule_url" |
  jq -c '{eventType: "genesys.eventbridge.rule.updated", timestamp: (now | todate), data: .}' |
  curl -fsS -o /dev/null --json @- "$EBRULE_WEBHOOK_URL"
