"""The programs that http_servers.py compares, as texts: one backend behind several servers.

SOURCES are the modules, by name, that a server's program may import. A program finds the path of
its socket in U.
"""

WORK = """
import json, os, time
def work(path, body, gone):
    for _ in range(300 if path == "/slow" else 0):
        if gone():
            open(os.environ["BENCH_MARK"], "w").write(repr(time.monotonic()))
            break
        time.sleep(0.01)
    return b"%d" % len(body) if path == "/big" else json.dumps({"echo": json.loads(body)}).encode()
"""
STDLIB = """
import socket, socketserver, time
from http.server import BaseHTTPRequestHandler
from work import work
class Handler(BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", -1
    def log_message(self, *args): pass
    def gone(self):
        try: return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError: return False
        except OSError: return True
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        reply = b"" if self.path == "/stream" else work(self.path, body, self.gone)
        self.send_response(200)
        self.send_header(*(("content-length", len(reply)) if reply else
                           ("transfer-encoding", "chunked")))
        self.end_headers()
        for piece in [reply] if reply else [b"4\\r\\npart\\r\\n"] * 3 + [b"0\\r\\n\\r\\n"]:
            self.wfile.write(piece)
            if not reply: self.wfile.flush() or time.sleep(0.2)
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer): daemon_threads = True
def run(uds): Server(uds, Handler).serve_forever()
"""
ASGI = """
import asyncio, threading
from work import work
async def asgi(scope, receive, send):
    parts, more, path, left = [], True, scope["path"], threading.Event()
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    async def watch():
        while (await receive())["type"] != "http.disconnect": pass
        left.set()
    async def reply(body, head, count):
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for i in range(count):
            await send({"type": "http.response.body", "body": body, "more_body": i < count - 1})
            if count > 1: await asyncio.sleep(0.2)
    if path == "/stream": return await reply(b"part", [], 3)
    watcher = asyncio.create_task(watch()) if path == "/slow" else None
    body = await asyncio.to_thread(work, path, b"".join(parts), left.is_set)
    if watcher: watcher.cancel()
    await reply(body, [(b"content-length", b"%d" % len(body))], 1)
"""
WSGI = """
import time
from work import work
def wsgi(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
    reply = b"" if path == "/stream" else work(path, body, lambda: False)
    start_response("200 OK", [("content-length", str(len(reply)))] if reply else [])
    return [reply] if reply else (time.sleep(0.2 * (i > 0)) or b"part" for i in range(3))
"""
UVICORN = """import uvicorn; from asgi_app import asgi
uvicorn.run(asgi, uds=U, http='{}', loop='asyncio', ws='none', lifespan='off', access_log=False,
            log_level='error')"""
GRANIAN = """from granian import Granian; from pathlib import Path
Granian('{0}_app:{0}', uds=Path(U), interface='{1}', websockets=False, log_enabled=False,
        {2}).serve()"""
EMBEDDED = """import asyncio; from pathlib import Path; from granian.server.embed import Server
from granian.constants import Interfaces; from asgi_app import asgi
asyncio.run(Server(asgi, uds=Path(U), interface=Interfaces.ASGINL, websockets=False,
                   log_enabled=False).serve())"""
HYPERCORN = """import asyncio; from hypercorn.asyncio import serve; from asgi_app import asgi
from hypercorn.config import Config; c = Config(); c.bind = ['unix:' + U]; c.errorlog = None
asyncio.run(serve(asgi, c))"""
SERVERS: dict[str, tuple[list[str], str]] = {  # name -> distributions, program
    "stdlib": ([], "from std_app import run; run(U)"),
    "uvicorn-h11": (["uvicorn"], UVICORN.format("h11")),
    "uvicorn-httptools": (["uvicorn", "httptools"], UVICORN.format("httptools")),
    "hypercorn": (["hypercorn"], HYPERCORN),
    "granian-asgi": (["granian"], GRANIAN.format("asgi", "asginl", "")),
    "granian-wsgi": (["granian"], GRANIAN.format("wsgi", "wsgi", "blocking_threads=8")),
    "granian-embedded": (["granian"], EMBEDDED),
}
SOURCES = {"work": WORK, "std_app": STDLIB, "asgi_app": ASGI, "wsgi_app": WSGI}
