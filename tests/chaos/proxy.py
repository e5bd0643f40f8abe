# chaos/proxy: a TCP proxy whose connections can be cut, slowed and swallowed.
# SPDX-License-Identifier: Apache-2.0
import asyncio
import socket
import struct
import threading

CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST


class Network:
    """The thread in which all proxies live."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


class Proxy:
    """Listens on a free port. What it does to connections is set from any thread:

    cut()   ends all that there are, by RST; while refuses is set new ones get the same
    deaf    lets requests through; the connection is cut when the answer comes
    hole()  nothing goes through, in no direction, until fill()
    slow    (seconds for each piece, bytes a second), or None
    """

    def __init__(self, network, port=0):
        self.network, self.target = network, None
        self.refuses, self.deaf, self.slow = False, False, None
        self.writers, self.passed = set(), 0
        network.do(self.listen(port))

    async def listen(self, port):
        self.open = asyncio.Event()
        self.open.set()
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        self.writers.add(writer)
        if self.refuses or self.target is None:
            return self.reset(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            return self.reset(writer)
        self.writers.add(far_writer)
        await asyncio.gather(self.pump(reader, far_writer, False),
                             self.pump(far_reader, writer, True))
        self.reset(writer)
        self.reset(far_writer)

    async def pump(self, reader, writer, is_answer):
        try:
            while data := await reader.read(CHUNK):
                await self.open.wait()
                if self.slow:
                    await asyncio.sleep(self.slow[0] + len(data) / self.slow[1])
                if is_answer and self.deaf:
                    break
                writer.write(data)
                await writer.drain()
                self.passed += len(data)
            else:
                if writer.can_write_eof():
                    return writer.write_eof()
        except (OSError, RuntimeError):
            pass
        for end in (writer, reader):  # the other direction ends too
            transport = getattr(end, "transport", None) or end._transport
            transport.abort()

    def reset(self, writer):
        self.writers.discard(writer)
        sock = writer.get_extra_info("socket")
        try:
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            pass
        writer.transport.abort()

    def cut(self):
        async def all_of_them():
            for writer in list(self.writers):
                self.reset(writer)
        self.network.do(all_of_them())

    def hole(self):
        self.network.loop.call_soon_threadsafe(self.open.clear)

    def fill(self):
        self.network.loop.call_soon_threadsafe(self.open.set)

    def heal(self):
        self.refuses, self.deaf, self.slow = False, False, None
        self.fill()
