# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Where rows come from: a caller's records, a database, files. None of them knows where rows go.

All sources are alike, as ``Source`` in ``chunks`` says. A row that cannot be read is given as an
``UnreadableRow``, so that it is counted and the rows after it are read; whatever ends the reading is an error
raised after the rows before it, so that a part is never taken for the whole. What is in memory at once is
bounded by bytes as well as by rows.

Rows are numbered from 1 in the order in which they are given. Close the iterator (``contextlib.closing``)
where it is not read to its end.
"""
