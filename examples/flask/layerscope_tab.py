"""A Flask blueprint that shows Layerscope as a tab of an existing application, and keeps tags on what
its user looks at.

    app.register_blueprint(layerscope_tab(app_url="https://layerscope.example/"), url_prefix="/images")

Layerscope must allow this application's origin: `layerscope-proxy --embed-origin https://…`.
Tags are in SQLite, by repository, digest and path; `path` is percent-encoded as Layerscope sends it.
"""

import sqlite3
from contextlib import closing

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request

MAX_TEXT = 64 * 1024
MAX_TAG = 200
FIELDS = ("repository", "digest", "path")


def layerscope_tab(app_url, database="tags.sqlite3"):
    """Makes the blueprint. `app_url` is where Layerscope is; `database` a file that is made if it is
    not there."""
    tab = Blueprint("layerscope", __name__, template_folder="templates", static_folder="static")
    origin = "/".join(app_url.split("/")[:3])

    def connect():
        connection = sqlite3.connect(database)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS tag (repository TEXT, digest TEXT, path TEXT, text TEXT,"
            " UNIQUE (repository, digest, path, text))"
        )
        return closing(connection)

    def place(source):
        values = tuple(source.get(name, "") for name in FIELDS)
        if not all(isinstance(v, str) and len(v) <= MAX_TEXT for v in values) or not values[1]:
            abort(400, "repository, digest and path are texts")
        return values

    @tab.get("/")
    def show():
        page = Response(render_template("layerscope_tab.html", app_url=app_url))
        page.headers["Content-Security-Policy"] = (
            f"default-src 'self'; script-src 'self' {origin}; frame-src {origin};"
            " object-src 'none'; base-uri 'none'"
        )
        return page

    @tab.get("/tags")
    def tags():
        with connect() as connection:
            rows = connection.execute(
                "SELECT text FROM tag WHERE repository = ? AND digest = ? AND path = ? ORDER BY text",
                place(request.args),
            )
            return jsonify([text for (text,) in rows])

    @tab.post("/tags")
    def add():
        # JSON alone, which no form of another site can send without being asked.
        body = request.get_json()
        text = body.get("text", "").strip() if isinstance(body, dict) else ""
        if not text or len(text) > MAX_TAG:
            abort(400, f"a tag has 1 to {MAX_TAG} characters")
        with connect() as connection, connection:
            connection.execute(
                "INSERT OR IGNORE INTO tag VALUES (?, ?, ?, ?)", (*place(body), text)
            )
        current_app.logger.info("tagged")
        return "", 204

    return tab
