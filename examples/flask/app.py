"""An application that has something else to do, and Layerscope as one of its tabs.

    pip install flask
    LAYERSCOPE=http://127.0.0.1:8080/ flask --app app run --port 5001
"""

import os

from flask import Flask, redirect, url_for

from layerscope_tab import layerscope_tab

app = Flask(__name__)
app.register_blueprint(
    layerscope_tab(
        app_url=os.environ.get("LAYERSCOPE", "http://127.0.0.1:8080/"),
        database=os.environ.get("TAGS", "tags.sqlite3"),
    ),
    url_prefix="/images",
)


@app.get("/")
def home():
    return redirect(url_for("layerscope.show"))
