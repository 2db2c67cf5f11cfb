#!/bin/bash
# Harbor's reference agent on a task of RepoGym, without Docker (docs/trainers.md).
set -euo pipefail
folder=$(mktemp -d)
export LITELLM_LOCAL_MODEL_COST_MAP=True # no download of prices

repogym export-tasks swe-mini --task warmcache-refresh --out "$folder/tasks"
harbor run --path "$folder/tasks" --agent oracle --jobs-dir "$folder/jobs" \
    --env agents.training.adapters.harbor:SandboxEnvironment \
    --verifier agents.training.adapters.harbor:ScoringVerifier
