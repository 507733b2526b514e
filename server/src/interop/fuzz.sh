#!/usr/bin/env bash
# Lets Schemathesis (https://schemathesis.readthedocs.io, from PyPI) send a running server whatever its OpenAPI document allows,
# and what it does not: no answer may be a 5xx, have a status or content type that is not documented, or another form than its
# schema.
#
#   server/src/interop/fuzz.sh http://127.0.0.1:8080 [options of schemathesis run]
#
# Give the server a home of its own: jobs are queued, files uploaded and models deleted. SCHEMATHESIS names the program where it
# is not on the path, D3S_API_KEY a key where the server wants one.
set -euo pipefail

url=${1:?usage: fuzz.sh URL [options of schemathesis run]}
shift
key=()
[ -z "${D3S_API_KEY:-}" ] || key=(--header "Authorization: Bearer $D3S_API_KEY")
exec "${SCHEMATHESIS:-schemathesis}" run "$url/q/openapi?format=json" --url "$url" \
    --include-path-regex '^/v1/' \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection \
    --continue-on-failure --request-timeout 60 "${key[@]}" "$@"
