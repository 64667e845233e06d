"""A web server that takes its time: `slow.py PORT SECONDS` answers each request so much later."""

import asyncio
import sys

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'


async def serve(reader, writer, seconds):
    try:
        while True:
            await reader.readuntil(b'\r\n\r\n')
            await asyncio.sleep(seconds)
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, seconds),
                                        '0.0.0.0', port, backlog=4096)
    await server.serve_forever()


asyncio.run(main())
