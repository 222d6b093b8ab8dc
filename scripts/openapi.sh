#!/usr/bin/env bash
# Lints the OpenAPI document: no error and no warning. Needs Node.js and npm.
set -euo pipefail
cd "$(dirname "$0")/.."
exec npx --yes @stoplight/spectral-cli@6.16.3 lint --fail-severity=hint --ruleset .spectral.yaml server/rest/openapi.yaml
