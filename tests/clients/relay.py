#!/usr/bin/python3
"""A program that talks with callers over /relay, written by the protocol alone (docs/relay.md).

What it reads it sends, what it is told it prints. Lines of its own:
  echo ID           sends back what it hears, into that call
  tone ID HZ S      says a tone into that call, in real time
  heard HZ          prints for how many seconds it has heard that tone
"""

import asyncio
import base64
import cmath
import math
import struct
import sys

import websockets

RATE, FRAMES = 8000, 160


def level(frames, hz):
    turn = -2j * math.pi * hz / RATE
    total = sum(x * cmath.exp(turn * n) for n, x in enumerate(frames))
    return 2 * abs(total) / len(frames) / 32768


class Program:
    def __init__(self, socket):
        self.socket = socket
        self.echo = None
        self.blocks = []

    async def hear(self):
        async for message in self.socket:
            word, _, rest = message.partition(":")
            if word != "RTP":
                print(message, flush=True)
                continue
            sound = bytes.fromhex(rest)
            self.blocks.append(struct.unpack(f"<{len(sound) // 2}h", sound))
            if self.echo:
                await self.say(self.echo, sound)
        print("closed", flush=True)

    async def say(self, call, sound):
        text = base64.b64encode(sound).decode()
        await self.socket.send(f"RTP:{call}##{text}")

    async def tone(self, call, hz, seconds):
        loop = asyncio.get_running_loop()
        started = loop.time()
        for block in range(int(seconds * RATE / FRAMES)):
            at = range(block * FRAMES, (block + 1) * FRAMES)
            frames = [round(9000 * math.sin(2 * math.pi * hz * n / RATE)) for n in at]
            await self.say(call, struct.pack(f"<{FRAMES}h", *frames))
            due = started + (block + 1) * FRAMES / RATE
            await asyncio.sleep(max(0, due - loop.time()))

    async def obey(self, line):
        words = line.split()
        if words[:1] == ["echo"]:
            self.echo = words[1]
        elif words[:1] == ["tone"]:
            await self.tone(words[1], float(words[2]), float(words[3]))
        elif words[:1] == ["heard"]:
            loud = [1 for it in self.blocks if it and level(it, float(words[1])) > 0.1]
            print(f"heard {words[1]} Hz for {len(loud)} blocks", flush=True)
        else:
            await self.socket.send(line)


async def main(url):
    async with websockets.connect(url) as socket:
        program = Program(socket)
        hearing = asyncio.create_task(program.hear())
        print("connected", flush=True)
        loop = asyncio.get_running_loop()
        while True:
            line = await loop.run_in_executor(None, sys.stdin.readline)
            if not line or hearing.done():
                return
            await program.obey(line.strip())


asyncio.run(main(sys.argv[1]))
