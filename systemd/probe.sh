#!/bin/sh
# Whether the packages that bring machine code run on this processor; one that dies is named, and the status is 1.
#
#   systemd/probe.sh /opt/kws-app/bin/python
set -eu

export ORT_DISABLE_TELEMETRY=1 OPENBLAS_NUM_THREADS=1

# probe WHAT CODE: isolated, or a checkout that lies in the current folder would be probed instead.
probe() {
    "$python" -I -c "$2" && return
    status=$?
    case $status in
        132) how="an instruction that this processor does not have (SIGILL)" ;;
        139) how="a memory fault (SIGSEGV)" ;;
        129 | 1[3-9]?) how="signal $((status - 128))" ;;
        *) how="the error above" ;;
    esac
    echo "kws-app: $1 does not run on this machine ($(uname -m)): it ends with $how" >&2
    exit 1
}

python=$1
for package in numpy onnxruntime soxr pyaudio; do probe "$package" "import $package"; done
probe "the model" "import numpy, kws_app; kws_app.Detector().push(numpy.zeros(16000, numpy.int16))"
