"""The built pages in this machine's Chromium or Chrome, with every address but 127.0.0.1 closed."""

import shutil
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import sync_playwright

HTML = Path(__file__).resolve().parents[2] / "_build" / "html"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# colours change at once; formulas typeset, letters and pictures there
READY = """async () => {
    document.head.insertAdjacentHTML("beforeend",
        "<style>* { animation: none !important; transition: none !important }</style>");
    await window.MathJax?.startup?.promise;
    for (const image of document.images) image.loading = "eager";
    await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
    await document.fonts.ready;
}"""


def executable():
    """The path of the browser, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Handler(SimpleHTTPRequestHandler):
    """Files of one folder, without a line for each on the terminal."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass


@contextmanager
def serve(folder):
    """Serve the folder while the block runs; yields the address, which ends in a slash."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def launch():
    """Start the browser, which reaches 127.0.0.1 and nothing else, for the time of the block."""
    if executable() is None:
        raise FileNotFoundError(f"no browser: please install one of {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=[OFFLINE])
        try:
            yield browser
        finally:
            browser.close()


def show(page, url):
    """Go to the address and wait until formulas, letters and pictures are there."""
    page.goto(url, wait_until="load", timeout=120_000)  # ms; the machine may be busy
    page.evaluate(READY)
