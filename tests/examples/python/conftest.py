"""One mailjig process for all tests of a worker, and a server of its own for each test."""
import json
import os
import subprocess
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest


class MailServer:
    def __init__(self, base, **options):
        self.url = base + "/v1/servers"
        server = self.call("POST", "", options)
        self.url = f"{base}/v1/servers/{server['id']}"
        self.host = urlsplit(base).hostname
        self.ports = {name: endpoint["port"] for name, endpoint in server["endpoints"].items()}

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            detail = json.load(error)["detail"]
        pytest.fail(detail, pytrace=False)

    def wait_for(self, filters):
        """The first message that matches; fails with a report if none comes within 5 seconds."""
        return self.call("GET", f"/messages?{filters}&wait=5s")["messages"][0]


@pytest.fixture(scope="session")
def mailjig():
    """The URL of the process at MAILJIG_URL; without it, of a process that is started here."""
    if "MAILJIG_URL" in os.environ:
        yield os.environ["MAILJIG_URL"]
        return
    command = ["mailjig", "serve", "--ports", "auto", "--json", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield json.loads(process.stdout.readline())["endpoints"]["http"]["url"]
        process.terminate()


@pytest.fixture
def mail_server(mailjig, request):
    """Makes servers with options; at the end each is verified and removed, also if another one fails."""

    def make(**options):
        server = MailServer(mailjig, **options)
        request.addfinalizer(lambda: server.call("DELETE", ""))
        return server

    return make
