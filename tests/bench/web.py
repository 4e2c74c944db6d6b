"""The web process: start time, memory, and each role's first page against a bare page.

The bare page is a Django view behind the same middleware that runs the very SQL of the real page and
answers with a constant string. The ratio is what forms, templates and Python around the queries cost.
"""

import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import path

from portal import services
from tests.bench.figures import Figure

ROUNDS = 40
urlpatterns: list[object] = []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web_server() -> Iterator[tuple[float, psutil.Process]]:
    """Start the web process as the supervisor does; yield seconds to the first answer, and the process."""
    from portal.supervisor import parts

    port = free_port()
    command = next(part.command for part in parts("127.0.0.1", port) if part.name == "web")
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=services.PROJECT_DIR,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in/", timeout=5) as answer:
                    answer.read()
                break
            except OSError:
                if time.perf_counter() - started > 60:
                    raise
                time.sleep(0.02)
        yield time.perf_counter() - started, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def resident_mb(process: psutil.Process) -> float:
    """Proportional memory of a process and its children in MB, so that shared pages count once."""
    family = [process, *process.children(recursive=True)]
    return sum(member.memory_full_info().pss for member in family) / 1e6


def median_seconds(client: Client, address: str) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        answer = client.get(address)
        times.append(time.perf_counter() - start)
        assert answer.status_code == 200, (address, answer.status_code)
    return statistics.median(times)


def plain_sql(sql: str) -> str:
    """The query of a server-side cursor without the cursor, whose name could not be declared again."""
    return re.sub(r"^DECLARE .*? CURSOR .*? FOR ", "", sql)


def page_against_bare(person: object) -> tuple[str, float, int]:
    """Returns the first page's address, the ratio of its time to the bare page's, and its query count."""
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(person)
    landing = client.get("/", follow=True)
    address = landing.redirect_chain[-1][0] if landing.redirect_chain else "/"
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    # Session and person are loaded by the middleware of the bare page too.
    count = len(captured)
    own = [plain_sql(query["sql"]) for query in captured][2:]

    def bare(request: HttpRequest) -> HttpResponse:
        _ = request.user.pk
        with connection.cursor() as cursor:
            for sql in own:
                cursor.execute(sql)
                if cursor.description:
                    cursor.fetchall()
        return HttpResponse("ok")

    urlpatterns[:] = [path("bare/", bare)]
    real = median_seconds(client, address)
    with override_settings(ROOT_URLCONF=sys.modules[__name__]):
        plain = median_seconds(client, "/bare/")
    return address, real / plain, count


def measure() -> Iterator[Figure]:
    from portal.demo.people import PEOPLE, demo_person

    call_command("prepare", demo=True)
    with web_server() as (seconds, process):
        yield Figure("web.start_s", seconds, "s", goal=3, note="spawn to first answered page")
        yield Figure("web.rss_mb", resident_mb(process), "MB", goal=250, note="all web processes")
    for entry in PEOPLE:
        address, ratio, queries = page_against_bare(demo_person(entry))
        yield Figure(
            f"web.page_vs_bare.{entry.role.value}", ratio, "x", goal=2, note=f"{address}, {queries} queries"
        )
