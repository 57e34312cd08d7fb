"""An HTTP server that decides for a rule: works, is slow, or answers wrongly, as the path says. Prints its port."""

import base64
import email
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WRONG = {
    "/not-json": (200, b"reply: no"),
    "/unknown-step": (200, b'[{"answer": "250 ok"}]'),
    "/impossible-step": (200, b'[{"tls": {"alert": "handshake_failure"}}]'),
    "/unknown-field": (200, b'[{"reply": "250 {nothing}"}]'),
    "/wrong-form": (200, b'{"reply": "ok"}'),
    "/asks-again": (200, b'[{"ask": "http://127.0.0.1:1/"}]'),
    "/status": (500, b"[]"),
    "/redirect": (302, b"[]"),
    "/long": (200, b" " * (2 << 20)),
}


def steps(event):
    """Decides by the content of the message, by the recipient, or not at all."""
    fields = event["fields"]
    if "message" in event:
        mail = email.message_from_bytes(base64.b64decode(event["message"]["raw"]))
        parts = sum(not part.is_multipart() for part in mail.walk())
        return [{"reply": f"552 5.3.4 {parts} parts are too many"}] if parts > 3 else [{"pass": True}]
    if event["event"] == "smtp.rcpt" and fields["rcpt"].startswith("no"):
        return {"reply": "550 5.1.1 No {rcpt}"}
    if event["event"] == "imap.noop":
        return [{"reply": ["* 7 EXISTS", f"OK {fields['tag']} {event['listener']} {event['transcript'][-1]}"]}]
    if event["event"] == "pop3.noop":
        return [{"pace": {"chunk": 3, "gap": "1ms"}}, {"reply": f"+OK {event['session']}"}]
    return []


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/slow":
            self.rfile.read()  # Until mailjig gives up.
            return
        status, body = WRONG.get(self.path) or (200, json.dumps(steps(event)).encode())
        if self.path == "/none":
            status, body = 204, b""
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/hook")
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
print(server.server_address[1], flush=True)
server.serve_forever()
