#!/bin/sh
# A hook gets the event twice: as one line of JSON on standard input, and field by field in KWS_ variables.
set -eu
read -r event
printf '>>> "%s" at %.1f s, score %.2f. The whole event: %s\n' "$KWS_KEYWORD" "$KWS_TIME" "$KWS_SCORE" "$event"
