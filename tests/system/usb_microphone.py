"""A USB microphone without a USB plug: emulated down to its descriptors, for a virtual machine's USB controller.

It speaks usbredir, by which QEMU takes part in a device that is elsewhere. QEMU's own USB sound card only plays.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
import threading
from enum import IntEnum
from pathlib import Path
from typing import Self

from tests.system.feeder import CHUNKS_PER_SECOND, Feeder

NAME = "Simulated Microphone"
RATE = 16_000
"""The processor that hears it is emulated, too: it has no time for a conversion of the rate."""

FRAME_BYTES = 2 * RATE // 1000
"""USB's own frame: a millisecond."""

ENDPOINT, STREAMING_INTERFACE = 0x81, 1
DESCRIPTOR_ASKED = (6, 0x80)
"""The request, and that the answer goes to the computer."""


class Message(IntEnum):
    """Those of usbredir that are needed (usbredirproto.h)."""

    HELLO = 0
    DEVICE_CONNECT = 1
    INTERFACE_INFO = 4
    EP_INFO = 5
    SET_CONFIGURATION = 6
    GET_CONFIGURATION = 7
    CONFIGURATION_STATUS = 8
    SET_ALT_SETTING = 9
    GET_ALT_SETTING = 10
    ALT_SETTING_STATUS = 11
    START_ISO_STREAM = 12
    STOP_ISO_STREAM = 13
    ISO_STREAM_STATUS = 14
    CONTROL_PACKET = 100
    ISO_PACKET = 102


# Its states and kinds of endpoints
SUCCESS, STALL = 0, 4
CONTROL, ISOCHRONOUS, NONE = 0, 1, 255
FULL_SPEED = 1

CAPABILITIES = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6
"""The device's version, the largest packet of every endpoint, 64 bits for a message's number, 32 for a bulk's length:
what QEMU's xHCI asks for."""

HELLO_HEAD, HEAD, REQUEST = struct.Struct("<III"), struct.Struct("<IIQ"), struct.Struct("<BBBBHHH")


def _descriptor(kind: int, *fields: int) -> bytes:
    return bytes([2 + len(fields), kind, *fields])


def _wide(number: int, count: int = 2) -> bytes:
    return number.to_bytes(count, "little")


DEVICE = _descriptor(1, *_wide(0x0110), 0, 0, 0, 64, *_wide(0x1D6B), *_wide(0x0101), *_wide(0x0100), 0, 1, 0, 1)
PARTS = b"".join(
    [
        # Control: a microphone (terminal 1) that goes to the computer (terminal 2)
        _descriptor(4, 0, 0, 0, 1, 1, 0, 0),
        _descriptor(0x24, 1, *_wide(0x0100), *_wide(9 + 12 + 9), 1, STREAMING_INTERFACE),
        _descriptor(0x24, 2, 1, *_wide(0x0201), 0, 1, *_wide(0), 0, 0),
        _descriptor(0x24, 3, 2, *_wide(0x0101), 0, 1, 0),
        # Streaming: nothing, or one channel of 16 bits
        _descriptor(4, STREAMING_INTERFACE, 0, 0, 1, 2, 0, 0),
        _descriptor(4, STREAMING_INTERFACE, 1, 1, 1, 2, 0, 0),
        _descriptor(0x24, 1, 2, 1, *_wide(1)),
        _descriptor(0x24, 2, 1, 1, 2, 16, 1, *_wide(RATE, 3)),
        _descriptor(5, ENDPOINT, 0x0D, *_wide(FRAME_BYTES), 1, 0, 0),
        _descriptor(0x25, 1, 0, 0, 0, 0),
    ]
)
WHOLE = _descriptor(2, *_wide(9 + len(PARTS)), 2, 1, 0, 0x80, 50) + PARTS
DESCRIPTORS = {
    (1, 0): DEVICE,
    (2, 0): WHOLE,
    (3, 0): _descriptor(3, *_wide(0x0409)),
    (3, 1): _descriptor(3, *NAME.encode("utf-16-le")),
}
"""By kind and number."""


class UsbMicrophone:
    """Plugged into, and pulled out of, the USB port of a virtual machine.

    Args:
        port: the socket of QEMU's usb-redir device.

    Attributes:
        feeder: what it hears.
    """

    def __init__(self, port: Path) -> None:
        self._port = port
        self._folder = tempfile.TemporaryDirectory(prefix="usb-microphone-")
        fifo = Path(self._folder.name) / "fifo"
        os.mkfifo(fifo)
        self._audio = os.open(fifo, os.O_RDWR)
        self.feeder = Feeder(fifo, rate=RATE, channels=1)
        self._plug: _Plug | None = None
        self._ended = threading.Event()
        self._streamer = threading.Thread(target=self._stream, name=NAME)

    def __enter__(self) -> Self:
        self.feeder.start()
        self._streamer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._streamer.join()
        self.feeder.stop()
        self.unplug()
        os.close(self._audio)
        self._folder.cleanup()

    def plug_in(self) -> None:
        self._plug = _Plug(self._port)

    def unplug(self) -> None:
        """Pull it out. Twice does no harm."""
        if self._plug is not None:
            self._plug.close()
        self._plug = None

    def _stream(self) -> None:
        """At the feeder's pace: what nobody takes is gone."""
        while not self._ended.is_set():
            chunk = os.read(self._audio, FRAME_BYTES * 1000 // CHUNKS_PER_SECOND)
            plug = self._plug
            if plug is not None:
                plug.send_audio(chunk)


class _Plug:
    """One connection, from plugging in to pulling out."""

    def __init__(self, port: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(port))
        self._sending = threading.Lock()
        self._alternates, self._frames = {0: 0, STREAMING_INTERFACE: 0}, 0
        self._is_streaming = False
        self._answerer = threading.Thread(target=self._answer_all, name="USB plug")
        self._answerer.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._answerer.join()
        self._socket.close()

    def send_audio(self, chunk: bytes) -> None:
        if not self._is_streaming:
            return
        for start in range(0, len(chunk), FRAME_BYTES):
            frame = chunk[start : start + FRAME_BYTES]
            self._frames += 1
            self._send(Message.ISO_PACKET, struct.pack("<BBH", ENDPOINT, SUCCESS, len(frame)) + frame, self._frames)

    def _answer_all(self) -> None:
        messages = self._socket.makefile("rb")
        _, length, _ = HELLO_HEAD.unpack(messages.read(HELLO_HEAD.size))
        messages.read(length)
        self._introduce()
        while len(head := messages.read(HEAD.size)) == HEAD.size:
            kind, length, number = HEAD.unpack(head)
            self._answer(kind, messages.read(length), number)

    def _introduce(self) -> None:
        hello = struct.pack("<64sI", b"kws-app", CAPABILITIES)
        self._socket.sendall(HELLO_HEAD.pack(Message.HELLO, len(hello), 0) + hello)
        interfaces = ((0, 1, 1, 0), (STREAMING_INTERFACE, 1, 2, 0))  # number, class, subclass, protocol
        self._send(
            Message.INTERFACE_INFO,
            _wide(2, 4) + b"".join(bytes(field).ljust(32, b"\0") for field in zip(*interfaces, strict=True)),
        )
        kinds, ours = [NONE] * 32, 16 | ENDPOINT & 15  # the upper half is what goes to the computer
        kinds[0], kinds[16], kinds[ours] = CONTROL, CONTROL, ISOCHRONOUS
        rest = {ours: (1, STREAMING_INTERFACE, FRAME_BYTES)}  # interval, interface, largest packet
        intervals, owners, sizes = zip(*(rest.get(index, (0, 0, 0)) for index in range(32)), strict=True)
        self._send(Message.EP_INFO, bytes([*kinds, *intervals, *owners]) + struct.pack("<32H", *sizes))
        self._send(Message.DEVICE_CONNECT, bytes([FULL_SPEED, 0, 0, 0]) + DEVICE[8:14])

    def _answer(self, kind: int, body: bytes, number: int) -> None:
        match kind:
            case Message.CONTROL_PACKET:
                self._answer_request(REQUEST.unpack_from(body), number)
            case Message.SET_CONFIGURATION | Message.GET_CONFIGURATION:
                self._send(Message.CONFIGURATION_STATUS, bytes([SUCCESS, 1]), number)
            case Message.SET_ALT_SETTING:
                self._alternates[body[0]] = body[1]
                self._send(Message.ALT_SETTING_STATUS, bytes([SUCCESS, *body]), number)
            case Message.GET_ALT_SETTING:
                self._send(Message.ALT_SETTING_STATUS, bytes([SUCCESS, *body, self._alternates[body[0]]]), number)
            case Message.START_ISO_STREAM | Message.STOP_ISO_STREAM:
                self._is_streaming = kind == Message.START_ISO_STREAM
                self._send(Message.ISO_STREAM_STATUS, bytes([SUCCESS, ENDPOINT]), number)

    def _answer_request(self, request: tuple[int, ...], number: int) -> None:
        endpoint, what, direction, _, value, index, length = request
        found = DESCRIPTORS.get((value >> 8, value & 255)) if (what, direction) == DESCRIPTOR_ASKED else None
        status, content = (STALL, b"") if found is None else (SUCCESS, found[:length])
        head = REQUEST.pack(endpoint, what, direction, status, value, index, len(content))
        self._send(Message.CONTROL_PACKET, head + content, number)

    def _send(self, kind: Message, body: bytes, number: int = 0) -> None:
        with self._sending, contextlib.suppress(OSError):  # it was pulled out, or the machine is gone
            self._socket.sendall(HEAD.pack(kind, len(body), number) + body)
