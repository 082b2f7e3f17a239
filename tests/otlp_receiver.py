# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The receiving end of OpenTelemetry's metrics over HTTP, on loopback."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


class Point(NamedTuple):
    """One value of a metric.

    :param value: of a counter or gauge; of a histogram its sum.
    """

    name: str
    value: float
    tags: dict[str, str]


class Receiver:
    """A collector on loopback, in a thread."""

    def __enter__(self) -> Receiver:
        self.points: list[Point] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.points += _points(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def last(self, name: str) -> Point:
        """The last that was said of a metric: counters are told as sums since the start."""
        return [point for point in self.points if point.name == name][-1]


def _points(request: Any) -> list[Point]:
    metrics = [
        metric
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]
    found = []
    for metric in metrics:
        for point in getattr(metric, metric.WhichOneof("data")).data_points:
            is_histogram = hasattr(point, "sum")
            value = point.sum if is_histogram else getattr(point, point.WhichOneof("value"))
            tags = {one.key: one.value.string_value for one in point.attributes}
            found.append(Point(metric.name, float(value), tags))
    return found
