# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from airflow_provider_tiktok.conversions.addresses import credentials_of, shown_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("s3://AKIAKEY:SECRET@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        ("s3://AKIAKEY:SEC/RET@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        ("s3://AKIAKEY:SEC@RET@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        ("s3://AKIAKEY%3ASECRET@bucket/a.jsonl", "s3://bucket/a.jsonl"),
        ("S3A://AKIAKEY:SECRET@bucket/a.jsonl", "S3A://bucket/a.jsonl"),
        ("s3://AKIAKEY:123/SECRET@bucket/a", "s3://bucket/a"),
        ("s3://:SECRET@bucket/a", "s3://bucket/a"),
        ("gs://b/o?X-Goog-Signature=SECRET&X-Goog-Date=1", "gs://b/o"),
        ("https://acc.blob.example.com/c/a?sv=1&sig=SECRET", "https://acc.blob.example.com/c/a"),
        ("https://acc.blob.example.com/c/a%3Fsig%3DSECRET", "https://acc.blob.example.com/c/a"),
        ("https://h.example.com/a#access_token=SECRET", "https://h.example.com/a"),
        ("https://SECRET@h.example.com/a", "https://h.example.com/a"),
        ("HTTPS://SECRET@h.example.com/a", "HTTPS://h.example.com/a"),
        ("ftp://user:SECRET@h.example.com:21/a", "ftp://h.example.com:21/a"),
        ("sftp://user:SECRET@h.example.com/a", "sftp://h.example.com/a"),
        ("abfss://box@acc.dfs.example.com/a?sig=SECRET", "abfss://box@acc.dfs.example.com/a"),
        ("abfss://box:SECRET@acc.dfs.example.com/a", "abfss://acc.dfs.example.com/a"),
        (
            "zip://a.csv::https://u:SECRET@h.example.com/z.zip?sig=SECRET",
            "zip://a.csv::https://h.example.com/z.zip",
        ),
        ("simplecache::s3://AKIAKEY:SECRET@bucket/a", "simplecache::s3://bucket/a"),
        (Path("s3://AKIAKEY:SECRET@bucket/a"), "s3:/bucket/a"),
        ("hdfs://user:SECRET@name.example.com:8020/a", "hdfs://name.example.com:8020/a"),
    ],
)
def test_credentials_are_not_told(path: object, shown: str) -> None:
    """Neither a secret, nor the key it belongs to, nor a signature is in what people see."""
    assert shown_path(path) == shown
    assert shown_path(shown) == shown
    secret = re.search("(123/)?SEC[/@]?RET", str(path))
    assert secret is not None
    assert secret.group() in credentials_of(path)
    quoted = (str(path), unquote(str(path)))
    assert all(one not in shown and any(one in text for text in quoted) for one in credentials_of(path))


@pytest.mark.parametrize(
    "path",
    [
        "s3://conn_id@bucket/day=2026-11-27/a.jsonl",
        "abfss://box@acc.dfs.example.com/a",
        "s3://bucket/a#1/b@c.csv",
        "file:///data/a.jsonl",
        "/data/what?.jsonl",
        "data/a b#x=1.jsonl",
        "C:/data/a@b.csv",
        "hdfs://name.example.com:8020/a",
        "",
    ],
)
def test_other_paths_stay(path: str) -> None:
    """What is no credential is told whole: a connection's id, a container, a port, signs of file names."""
    assert shown_path(path) == path
    assert not credentials_of(path)
