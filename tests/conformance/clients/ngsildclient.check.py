"""Lets ngsildclient (PyPI) work with a node: ngsildclient.check.py PORT

Subscribes with a receiver of its own, creates, queries, changes, waits for what it is told, and reads
history. Ends with an error at the first thing that is not as it should be.
"""

import json
import sys
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue

from ngsildclient import Client, Entity, SubscriptionBuilder

SECONDS = 30
told = Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told.put(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def wait_for(level):
    """Notifications come at least once and in order: those before may come again."""
    while True:
        said = told.get(timeout=SECONDS)
        assert said["type"] == "Notification", said
        if said["data"][0]["level"]["value"] == level:
            return said


def main():
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    with Client("localhost", int(sys.argv[1]), verbose=False) as client:
        subscription = (
            SubscriptionBuilder(f"http://127.0.0.1:{receiver.server_port}/notify")
            .select_type("Well")
            .watch(["level"])
            .build()
        )
        subscription_id = client.subscriptions.create(subscription)
        assert client.subscriptions.exists(subscription_id)

        def well(name, level, minute):
            entity = Entity("Well", name)
            moment = datetime(2026, 5, 1, 12, minute, tzinfo=timezone.utc)
            return entity.prop("level", level, unitcode="MTR", observedat=moment)

        first = well("1", 3.5, 0)
        assert client.create(first)
        assert wait_for(3.5)["data"][0]["id"] == "urn:ngsi-ld:Well:1"
        result = client.create(well("2", 9.25, 0), well("3", 1, 0))
        assert result.ok, result
        assert client.count(type="Well") == 3
        deep = client.query(type="Well", q="level>3")
        assert sorted(entity.id for entity in deep) == ["urn:ngsi-ld:Well:1", "urn:ngsi-ld:Well:2"], deep
        assert client.get("urn:ngsi-ld:Well:2")["level"].value == 9.25

        assert client.update(well("1", 4.5, 10))
        wait_for(4.5)
        past = client.temporal.get("urn:ngsi-ld:Well:1", attrs=["level"])
        # The library's update() deletes and creates, which history does not hide.
        values = [value for value, _ in past["level"]["values"] if value != "urn:ngsi-ld:null"]
        assert values == [3.5, 4.5], past
        means = client.temporal.get("urn:ngsi-ld:Well:1", attrs=["level"], verbose=True)
        assert means["level"][1]["unitCode"] == "MTR", means

        assert client.subscriptions._delete(subscription_id)
        assert client.delete(*client.query(type="Well")).ok
        assert client.count(type="Well") == 0


main()
