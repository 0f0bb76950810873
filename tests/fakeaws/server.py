# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP server: threads, keep-alive, and the control endpoints beside the AWS ones."""

from __future__ import annotations

import socket
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakeaws.control import Control
from tests.fakeaws.engine import ConnectionLostError, Engine
from tests.fakeaws.wire import HttpReply, HttpRequest

CONTROL = "/_fakeaws/"


class FakeAwsServer(ThreadingHTTPServer):
    """Listens on the loopback interface only."""

    daemon_threads = True
    # Many clients may connect at once: a module opens a connection for each thread and service.
    request_queue_size = 128

    def __init__(self, port: int, engine: Engine) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.engine = engine
        self.control = Control(engine)

    @property
    def endpoint(self) -> str:
        """The URL that clients use."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # collect status, headers and body into one packet
    disable_nagle_algorithm = True
    server: FakeAwsServer

    def serve(self) -> None:
        request = self._request()
        if request.target.startswith(CONTROL):
            self._reply(self.server.control.handle(request.method, request.target.removeprefix(CONTROL), request.body))
            return
        try:
            self._reply(self.server.engine.handle(request))
        except ConnectionLostError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        except Exception:
            # A mistake of the fake AWS itself: the client gets an answer that no rule gives, the log the reason.
            traceback.print_exc()
            self._reply(HttpReply(status=500, body=b"the fake AWS failed; its standard error says why"))

    def handle_expect_100(self) -> bool:
        """Say at once that the body may come: S3 clients wait a second for it."""
        accepted = super().handle_expect_100()
        self.wfile.flush()
        return accepted

    def _request(self) -> HttpRequest:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        return HttpRequest(method=self.command, target=self.path, headers=headers, body=body)

    def _reply(self, reply: HttpReply) -> None:
        self.send_response_only(reply.status)
        self.send_header("Date", self.date_time_string())
        for name, value in reply.headers.items():
            if name.lower() not in ("content-length", "connection", "date", "transfer-encoding"):
                self.send_header(name, value)
        named = {name.lower(): value for name, value in reply.headers.items()}
        # Of a HEAD request it is that of the object, which does not come with it (RFC 9110, section 8.6).
        of_object = named.get("content-length") if self.command == "HEAD" else None
        self.send_header("Content-Length", str(of_object or len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()


# http.server calls `do_` and the method; every method is served alike.
for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
    setattr(_Handler, f"do_{method}", _Handler.serve)
