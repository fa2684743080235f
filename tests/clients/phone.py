#!/usr/bin/python3
"""A program that follows analog phones over /ws, or has one call at /v1/calls/ID/audio, written by
the descriptions alone (docs/lines.md, docs/relay.md).

What is told it prints. It reads:
  subscribe ID      hears that stream, which is µ-law
  tone ID HZ S      says a tone into that stream, in real time; of a call, which is µ-law and has
                    no streams, ID is -
  heard HZ          prints for how many blocks it has heard that tone
"""

import asyncio
import cmath
import json
import math
import sys

import websockets

RATE, FRAMES = 8000, 160


def from_ulaw(byte):
    byte = ~byte & 0xFF
    size = (((byte & 15) << 3) + 132 << (byte >> 4 & 7)) - 132
    return -size if byte & 128 else size


def to_ulaw(sample):
    sign, size = (128, -sample) if sample < 0 else (0, sample)
    size = min(size, 32635) + 132
    exponent = size.bit_length() - 8
    return ~(sign | exponent << 4 | size >> exponent + 3 & 15) & 0xFF


def level(frames, hz):
    turn = -2j * math.pi * hz / RATE
    total = sum(x * cmath.exp(turn * n) for n, x in enumerate(frames))
    return 2 * abs(total) / len(frames) / 32768


async def hear(socket, blocks, head):
    async for message in socket:
        if isinstance(message, str):
            print(message, flush=True)
        else:
            blocks.append([from_ulaw(byte) for byte in message[head:]])


async def tone(socket, head, hz, seconds):
    loop = asyncio.get_running_loop()
    started = loop.time()
    for block in range(int(seconds * RATE / FRAMES)):
        at = range(block * FRAMES, (block + 1) * FRAMES)
        frames = [to_ulaw(round(9000 * math.sin(2 * math.pi * hz * n / RATE))) for n in at]
        await socket.send(head + bytes(frames))
        due = started + (block + 1) * FRAMES / RATE
        await asyncio.sleep(max(0, due - loop.time()))


async def main(url):
    async with websockets.connect(url) as socket:
        blocks = []
        has_streams = "/v1/calls/" not in url
        hearing = asyncio.create_task(hear(socket, blocks, 12 if has_streams else 0))
        print("connected", flush=True)
        loop = asyncio.get_running_loop()
        while True:
            line = await loop.run_in_executor(None, sys.stdin.readline)
            words = line.split()
            if not words or hearing.done():
                return
            if words[0] == "subscribe":
                wish = {"type": "subscribe", "stream_id": words[1]}
                await socket.send(json.dumps(wish))
            elif words[0] == "tone":
                head = words[1].encode() if has_streams else b""
                await tone(socket, head, float(words[2]), float(words[3]))
            elif words[0] == "heard":
                loud = [1 for it in blocks if it and level(it, float(words[1])) > 0.1]
                print(f"heard {words[1]} Hz for {len(loud)} blocks", flush=True)


asyncio.run(main(sys.argv[1]))
