#!/usr/bin/env python3
"""Calls a command of the host: ipc_client.py NAME JSON-OBJECT. A client of docs/ipc.md in full, on the standard library."""
import json, os, socket, struct, sys


def pack(v):
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        return struct.pack(">Bq", 0xD3, v)
    if isinstance(v, float):
        return struct.pack(">Bd", 0xCB, v)
    if isinstance(v, str):
        return struct.pack(">BI", 0xDB, len(v.encode())) + v.encode()
    if isinstance(v, bytes):
        return struct.pack(">BI", 0xC6, len(v)) + v
    if isinstance(v, list):
        return struct.pack(">BI", 0xDD, len(v)) + b"".join(map(pack, v))
    return struct.pack(">BI", 0xDF, len(v)) + b"".join(pack(k) + pack(x) for k, x in v.items())


def unpack(b, i=0):
    """The value at b[i:], and where the next begins."""
    t, i = b[i], i + 1
    number = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
              0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
    sized = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
    if t < 0x80 or t >= 0xE0:
        return (t if t < 0x80 else t - 256), i
    if 0xC0 <= t <= 0xC3:
        return {0xC0: None, 0xC2: False, 0xC3: True}[t], i
    if t in number:
        return struct.unpack_from(number[t], b, i)[0], i + struct.calcsize(number[t])
    if t in sized:
        n, i = int.from_bytes(b[i:i + sized[t]], "big"), i + sized[t]
    else:
        n = t & (0x1F if t >= 0xA0 else 0x0F)
    if t in (0xC4, 0xC5, 0xC6):
        return b[i:i + n], i + n
    if 0xA0 <= t < 0xC0 or t in (0xD9, 0xDA, 0xDB):
        return b[i:i + n].decode(), i + n
    values = []
    is_map = t < 0x90 or t in (0xDE, 0xDF)
    for _ in range(2 * n if is_map else n):
        value, i = unpack(b, i)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if is_map else values), i


def call(name, args, request=1):
    """Yields the items, then the response."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(os.environ["LEASH_IPC"])
    body = struct.pack(">IB", 0, len(name)) + name.encode() + pack(args)
    s.sendall(struct.pack(">IBBHI", 8 + len(body), 1, 1, 0, request) + body)
    stream, kind = s.makefile("rb"), None
    while kind != 0x81:
        length, _, kind, _, _ = struct.unpack(">IBBHI", stream.read(12))
        value, _ = unpack(stream.read(length - 8))
        if kind == 0x83:
            raise RuntimeError(f"{value['code']}: {value['message']}")
        yield value


if __name__ == "__main__":
    try:
        for answer in call(sys.argv[1], json.loads(sys.argv[2])):
            print(json.dumps(answer))
    except RuntimeError as error:
        sys.exit(str(error))
