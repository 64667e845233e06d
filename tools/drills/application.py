#!/usr/bin/python3
"""The application behind a server's nginx: `application.py SETTINGS`, a JSON object.

It answers requests that come on the Unix socket `socket`, `workers` of them at a time, each after
`seconds` of work; what waits is bounded by nginx, which takes no more connections than it may have
files. So a server has a capacity, workers / seconds, and beyond it a queue that fills up.

With `database` the work is done there: a request has a connection of its own to PostgreSQL from
its beginning to its end, of a pool that grows with the requests under way, as pools do. A database
that allows no more of them is asked again for a while, and then the request has failed, whichever
server it is on. On port `health` it answers that it is alive, which is all that it is asked there.
"""

import asyncio
import concurrent.futures
import json
import sys
import threading
import time

HEALTHY = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nfine\n'
IDLE_CONNECTIONS = 4  # to the database, kept for the next requests
WARM, HOLD = b'GET /warm ', 0.2  # seconds, in which nginx opens all connections that it may have
TRIES, PAUSE = 3, 0.5  # for another one; seconds in between


def answer(status, text):
    return (f'HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n{text}').encode()


class Pool:
    """Connections to the database. Used from many threads."""

    def __init__(self, where, workers):
        import psycopg2  # what only one drill needs
        self.connect = lambda: psycopg2.connect(where)
        self.failure = psycopg2.Error
        self.turns = threading.Semaphore(workers)
        self.idle = []

    def work(self, seconds):
        """True if it was done."""
        try:
            connection = self.idle.pop()
        except IndexError:
            connection = self.another()
            if connection is None:
                return False
        try:
            with self.turns, connection.cursor() as cursor:
                cursor.execute('select pg_sleep(%s); update stock set sold = sold + 1 '
                               'where item = 1 + floor(random() * 1000)', (seconds,))
        except self.failure:
            connection.close()
            return False
        if len(self.idle) < IDLE_CONNECTIONS:
            self.idle.append(connection)
        else:
            connection.close()
        return True

    def another(self):
        """A new connection; None: the database does not give one."""
        for number in range(TRIES):
            time.sleep(PAUSE if number else 0)
            try:
                connection = self.connect()
            except self.failure:
                continue
            connection.autocommit = True
            return connection
        return None


class Application:
    def __init__(self, settings):
        self.settings = settings
        self.good = answer('200 OK', settings['name'] + '\n')
        self.bad = answer('500 Internal Server Error', 'no database\n')
        self.turns = asyncio.Semaphore(settings['workers'])
        self.pool = None
        if settings.get('database'):
            self.pool = Pool(settings['database'], settings['workers'])
            self.threads = concurrent.futures.ThreadPoolExecutor(settings['waiting'])

    async def work(self):
        if self.pool:
            loop = asyncio.get_running_loop()
            done = await loop.run_in_executor(self.threads, self.pool.work,
                                              self.settings['seconds'])
            return self.good if done else self.bad
        async with self.turns:
            await asyncio.sleep(self.settings['seconds'])
        return self.good

    async def hold(self):
        """The connection is open: that is all that was asked for."""
        await asyncio.sleep(HOLD)
        return self.good

    async def serve(self, reader, writer):
        """A connection of nginx's: one request after the other."""
        try:
            while head := await reader.readuntil(b'\r\n\r\n'):
                writer.write(await (self.hold() if head.startswith(WARM) else self.work()))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def health(self, reader, writer):
        try:
            await reader.readuntil(b'\r\n\r\n')
            writer.write(HEALTHY)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def run(self):
        await asyncio.start_unix_server(self.serve, self.settings['socket'], backlog=1024)
        await asyncio.start_server(self.health, '0.0.0.0', self.settings['health'], backlog=1024)
        print('ready', flush=True)
        await asyncio.Event().wait()


async def main():
    await Application(json.loads(sys.argv[1])).run()


if __name__ == '__main__':
    asyncio.run(main())
