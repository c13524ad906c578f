"""Checks that take a program of ours, each in a process of its own: what it loads may die, hang or spin."""

from __future__ import annotations

import json
import signal
from typing import Any

from kws_app.doctor.check import Check, Ended, Machine, joined, ok, problem, sentence, warning
from kws_app.errors import EX_CONFIG, EX_NOPERM

PACKAGES = ("numpy", "onnxruntime", "soxr", "pyaudio")
PROBE = f"""
import importlib, os
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
for name in {PACKAGES}:
    print(name, end=" ", flush=True)
    print(getattr(importlib.import_module(name), "__version__", ""), flush=True)
"""

LOAD_SECONDS = 60.0
"""Of a small board from a slow card."""

HEAR_SECONDS = 25.0
"""Far more than listening takes; PortAudio can hang for ever."""

SPINS = 0.5
"""Share of a core beyond which a program that hears nothing does not wait but spin."""

REMEDIES = {
    "no audio": "is the cable in? another program, or a virtual device of ALSA's, may feed it nothing; "
    "kws-app devices lists the others",
    "digital silence": "is a mute switch on, or the source muted? alsamixer (F4: capture), or pactl list sources",
    "a constant": "the microphone or its converter is dead: try another one",
    "a DC offset": "the microphone or its converter is damaged: try another one",
    "clipped": "lower the gain: alsamixer (F4: capture)",
    "wrong rate": "the device tells another rate than it has: choose the card itself (hw) by audio.device, or another",
    "an overflow": "the board is too busy, or the USB bus is: kws-app profile",
}
"""By how the judge of the input begins."""


def packages(machine: Machine) -> Check:
    """Whether the packages that bring machine code run on this processor."""
    ended = machine.run("-c", PROBE, within=LOAD_SECONDS)
    lines = ended.output.splitlines()
    if ended.status == 0:
        return ok("packages", joined([line.strip() for line in lines]))
    name = lines[-1].strip() if lines else "Python"
    if ended.status == 1:
        remedy = "apt install libportaudio2" if name == "pyaudio" else "install kws-app again: systemd/install.sh"
        return problem("packages", f"{name} does not load: {sentence(ended)}", remedy)
    return problem(
        "packages",
        f"{name} {_death(ended)}",
        f"this processor and that build of {name} do not fit: install another version of it",
    )


def configuration(machine: Machine, *options: str) -> Check:
    """Whether configuration, model and hooks are as the daemon needs them."""
    ended = machine.run("-m", "kws_app", "check", "--json", *options, within=LOAD_SECONDS)
    if ended.status == 0:
        facts = json.loads(ended.output)
        return ok("configuration", f"{facts['config'] or 'none found; the defaults'}; model {facts['model']['name']}")
    if ended.status in (EX_CONFIG, EX_NOPERM):
        return problem(
            "configuration", "; ".join(ended.complaint.strip().splitlines()), "correct it; kws-app check says when"
        )
    return problem("configuration", f"kws-app check {_death(ended)}: {sentence(ended)}", "report this")


def device(machine: Machine, *options: str) -> Check:
    """Whether there is the input device that the configuration means."""
    ended = machine.run("-m", "kws_app", "devices", "--json", *options, within=HEAR_SECONDS)
    if not ended.output:
        return problem("device", f"kws-app devices {_death(ended)}: {sentence(ended)}", "is the audio server stuck?")
    rows: list[dict[str, Any]] = json.loads(ended.output)
    picked = next((row for row in rows if row["picked"]), None)
    if picked is not None:
        return ok("device", f"{picked['name']}, {picked['default_rate']} Hz, {_channels(picked['channels'])}")
    if rows:
        remedy = f"set audio.device to one of: {joined([row['name'] for row in rows])}"
    else:
        remedy = "plug a microphone in; arecord -l lists the cards that the kernel knows"
    return problem("device", sentence(ended), remedy)


def sound(machine: Machine, *options: str) -> Check:
    """Whether what the device delivers can be sound: listens for some seconds."""
    ended = machine.run("-m", "kws_app.doctor.listening", *options, within=HEAR_SECONDS)
    if ended.status is None:
        return problem("sound", "the device hangs", "unplug it and plug it in again; or restart the audio server")
    if ended.status != 0:
        return problem("sound", sentence(ended), "end the program that holds it, or choose another: kws-app devices")
    heard = json.loads(ended.output)
    fault, level = heard["fault"], f"level {heard['level_dbfs']:.0f} dBFS, peak {heard['peak_dbfs']:.0f} dBFS"
    if fault is not None:
        spins = "" if heard["frames"] or heard["cpu_share"] < SPINS else f", and {_spinning(heard['cpu_share'])}"
        remedy = next((text for begin, text in REMEDIES.items() if fault.startswith(begin)), "kws-app devices")
        return problem("sound", f"{heard['device']}: {fault}{spins}", remedy)
    if heard["clipped"]:
        return warning("sound", f"{heard['clipped']} samples at full scale; {level}", REMEDIES["clipped"])
    return ok("sound", f"{heard['device']}: {level}")


def _spinning(share: float) -> str:
    return f"ALSA spins meanwhile ({100 * share:.0f} % of a core)"


def _death(ended: Ended) -> str:
    if ended.status is None:
        return "does not come to an end"
    if ended.status >= 0:
        return f"ends with {ended.status}"
    name = signal.Signals(-ended.status).name
    meaning = {"SIGILL": ", an instruction that this processor does not have", "SIGSEGV": ", a memory fault"}
    return f"dies of {name}{meaning.get(name, '')}"


def _channels(count: int) -> str:
    return f"{count} channel{'s' * (count != 1)}"
