# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""The page as plain HTML, for Airflow 3.1: one table, its filters a form; it works without its script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any
from urllib.parse import quote, urlencode

from airflow_provider_tiktok.plugins.summary import OUTCOMES
from airflow_provider_tiktok.plugins.tiktok import PREFIX

COLUMNS = ("When (UTC)", "Task", "Destination", "Events", "Why", "Match keys", "Dead letters")

STYLE = """
:root{color-scheme:light dark;--fg:light-dark(#111827,#e5e7eb);--bg:light-dark(#fff,#0b0b0c)}
:root{--mut:light-dark(#6b7280,#9ca3af);--line:light-dark(#e5e7eb,#27272a)}
body{font:14px/1.45 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:16px 24px}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:6px 8px}
th,td{border-bottom:1px solid var(--line)}td{overflow-wrap:anywhere}
td:nth-child(1){white-space:nowrap}td:nth-child(2){min-width:150px}td:nth-child(3){min-width:180px}
td:nth-child(4){min-width:130px}td:nth-child(5){min-width:190px}td:nth-child(6){min-width:90px}code{font-size:12px}
small{color:var(--mut)}form{display:flex;flex-wrap:wrap;gap:12px}
.bar{display:flex;height:8px;margin:6px 0;border-radius:4px;overflow:hidden;background:var(--line)}
.accepted{background:#16a34a}.rejected{background:#dc2626}.skipped{background:#9ca3af}
.unconfirmed{background:#d97706}.undelivered{background:#7c3aed}
@media(max-width:640px){table,tbody,tr,td{display:block}thead{display:none}td{border:0}}
"""


def render(told: Mapping[str, Any], *, asked: Mapping[str, Any], offset: int, base: str) -> str:
    """The page as HTML; whatever was read is escaped.

    :param told: what ``summarise`` gave.
    :param asked: the filters as they are set.
    :param base: the path that Airflow itself is served under.
    """
    rows = "".join(_row(delivery, base) for delivery in told["deliveries"])
    empty = f"<tr><td colspan={len(COLUMNS)}>No delivery here, or none that you may see.</td></tr>"
    head = "".join(f"<th scope=col>{name}</th>" for name in COLUMNS)
    counts = " · ".join(f"{told['counts'][name]:,} {name}" for name in OUTCOMES)
    return _page(
        f"{_form(told, asked)}<p>{told['total']:,} deliveries: {counts}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows or empty}</tbody></table>"
        f"{_more(told, asked, offset)}{_left_out(told)}",
        base=base,
    )


def render_failure(status: int, *, base: str) -> str:
    """The page in the place of which Airflow answered with this status."""
    title, text = _FAILURES.get(
        status, ("The deliveries cannot be loaded.", f"Airflow answered HTTP {status}. Try again later.")
    )
    return _page(f"<h2>{title}</h2><p>{text}</p>", base=base)


_FAILURES: Mapping[int, tuple[str, str]] = {
    401: ("You are signed out.", "Sign in again to see deliveries."),
    403: (
        "You may not see these deliveries.",
        "They are shown to those who may read a DAG and its XComs. Ask your administrator for both.",
    ),
    422: ("These filters cannot be read.", "<a href='?'>Open the page without them.</a>"),
}


def _page(body: str, *, base: str) -> str:
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>TikTok deliveries</title>"
        f"<meta name=viewport content='width=device-width'><style>{STYLE}</style>"
        f'<script defer src="{escape(base)}{PREFIX}/static/plain.js"></script></head><body>'
        f"<h1>TikTok deliveries</h1>{body}</body></html>"
    )


def _left_out(told: Mapping[str, Any]) -> str:
    """What the figures are not of, if anything."""
    cut = "Only the newest 5,000 deliveries are counted. Choose a DAG or fewer days."
    kept = (
        f"{told['elsewhere']:,} receipts are stored elsewhere by a custom XCom backend and cannot be shown."
    )
    notes = ((told["is_cut"], cut), (told["elsewhere"], kept))
    return "".join(f"<p><small>{text}</small></p>" for is_told, text in notes if is_told)


def _form(told: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    choices = {
        "days": ["1", "7", "30", "90", "365"],
        "dag_id": ["", *told["choices"]["dags"]],
        "destination": ["", *told["choices"]["destinations"]],
        "outcome": ["", *OUTCOMES],
    }
    labels = {"days": "Days", "dag_id": "DAG", "destination": "Destination", "outcome": "Outcome"}
    fields = "".join(
        f"<label>{labels[name]} <select name={name}>{_options(values, asked[name])}</select></label>"
        for name, values in choices.items()
    )
    return f"<form method=get>{fields}<button>Show</button></form>"


def _options(values: Iterable[str], chosen: Any) -> str:
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == str(chosen or "") else ""}>'
        f"{escape(value) or 'all'}</option>"
        for value in values
    )


def _row(delivery: Mapping[str, Any], base: str) -> str:
    index = f" [{delivery['map_index']}]" if delivery["map_index"] >= 0 else ""
    task = f"{delivery['dag_id']}.{delivery['task_id']}{index}"
    former = " <small>(former try)</small>" if delivery["is_former"] else ""
    counts = ", ".join(f"{delivery[name]:,} {name}" for name in OUTCOMES if delivery[name]) or "none"
    why = "<br>".join(
        f"{escape(reason['rule'])}&nbsp;&times;&nbsp;{reason['count']:,} "
        f"<small>{escape(reason['remedy'])}</small>"
        for reason in delivery["reasons"]
    )
    if delivery["stopped_by"]:
        why += f"<br>Stopped by {escape(delivery['stopped_by'])}"
    keys = ", ".join(f"{escape(key)} {share:g} %" for key, share in delivery["coverage"].items())
    letters = (
        f"{delivery['dead_letters']:,} in <code>{escape(delivery['dead_letter_path'])}</code>"
        if delivery["dead_letter_path"]
        else ""
    )
    return (
        f"<tr><td>{escape(delivery['at'][:19].replace('T', ' '))}</td>"
        f'<td><a rel=up href="{escape(task_address(delivery, base))}">{escape(task)}</a>{former}'
        f"<br><small>{escape(delivery['run_id'])}</small></td><td>{escape(delivery['destination'])}</td>"
        f"<td>{_bar(delivery)}{counts}</td><td>{why}</td><td>{keys}</td><td>{letters}</td></tr>"
    )


def _bar(delivery: Mapping[str, Any]) -> str:
    total = max(delivery["read"], 1)
    parts = "".join(
        f'<i class={name} style="width:{100 * delivery[name] / total:.2f}%"></i>' for name in OUTCOMES
    )
    return f"<div class=bar>{parts}</div>"


def task_address(delivery: Mapping[str, Any], base: str) -> str:
    """Where Airflow shows the task."""
    dag_id, run_id, task_id = (quote(delivery[name], safe="") for name in ("dag_id", "run_id", "task_id"))
    mapped = f"/mapped/{delivery['map_index']}" if delivery["map_index"] >= 0 else ""
    return f"{base}/dags/{dag_id}/runs/{run_id}/tasks/{task_id}{mapped}"


def _more(told: Mapping[str, Any], asked: Mapping[str, Any], offset: int) -> str:
    shown = offset + len(told["deliveries"])
    if shown >= told["total"]:
        return ""
    query = urlencode({**{name: value for name, value in asked.items() if value}, "offset": shown})
    return f'<p><a href="?{escape(query)}">Older deliveries</a></p>'
