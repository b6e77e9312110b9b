"""Pictures of the built pages: desktop and phone, light and dark, in _build/screenshots.

python book/_tools/screenshots.py [--height 16000] [NAME...]

NAME is a page without its ending, as in 03_model; without a name, all of them.  A page taller than
the height becomes several pictures, NAME-phone-dark.png, NAME-phone-dark-2.png, ...
"""

import argparse
import sys

from browser import DESKTOP, HTML, PHONE, launch, serve, show

SIZES = {"desktop": DESKTOP, "phone": PHONE}
FOLDER = HTML.parent / "screenshots"
TALLEST = 16000  # the browser's own limit is 16384


def take(page, name, height):
    """Write the whole page in pieces of at most this height; return their number."""
    wide = page.viewport_size["width"]
    tall = page.evaluate("document.documentElement.scrollHeight")
    for old in FOLDER.glob(f"{name}-[0-9]*.png"):
        old.unlink()
    tops = range(0, tall, height)
    for n, top in enumerate(tops, start=1):
        clip = {"x": 0, "y": top, "width": wide, "height": min(height, tall - top)}
        path = FOLDER / (f"{name}-{n}.png" if n > 1 else f"{name}.png")
        page.screenshot(path=path, full_page=True, clip=clip)
    return len(tops)


def take_all(browser, address, names, height):
    """Take each page in each size and scheme, and print a line for each page."""
    views = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
    contexts = {
        (size, scheme): browser.new_context(viewport=SIZES[size], color_scheme=scheme)
        for size, scheme in views
    }
    for name in names:
        pictures = 0
        for view, context in contexts.items():
            page = context.new_page()
            show(page, f"{address}book/{name}.html")
            pictures += take(page, "-".join((name, *view)), height)
            page.close()
        print(f"{name:24} {pictures} pictures", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--height", type=int, default=TALLEST, help="of a picture, at most")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a page, as in 03_model")
    options = parser.parse_args()
    built = sorted(path.stem for path in (HTML / "book").glob("*.html"))
    unknown = set(options.names) - set(built)
    if unknown or not 1 <= options.height <= TALLEST:
        sys.exit(f"No such page: {unknown}" if unknown else f"--height is 1 to {TALLEST}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with launch() as browser, serve(HTML) as address:
        take_all(browser, address, options.names or built, options.height)
    print(f"The pictures: {FOLDER}")


if __name__ == "__main__":
    main()
