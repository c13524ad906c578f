#!/bin/sh
# Listen on the microphone; where there is none, let the same daemon listen to a recording in real time.
#
#   scripts/run.sh VENV
set -eu
cd "$(dirname "$0")/.."

app=$1/bin/kws-app
config=examples/demo.yaml
sample=examples/computer.flac

if "$app" devices -c "$config" >/dev/null; then
    echo 'Say "computer". Ctrl-C stops.'
    exec "$app" run -c "$config"
fi
echo "Playing $sample to the daemon instead: a synthesized sentence with \"computer\" in it."
exec "$app" run -c "$config" --source "$sample"
