# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""Column readers: what a column holds, such as milliseconds, cents or words to translate, in a field's terms.

A reader is said in the DAG, as :func:`column` or as the same plain data, and stands between the raw value of
a column and the field that takes it. It never guesses: what does not fit what was said of the column is
refused with the rule and with what was said. It knows neither rows nor events.
"""

from airflow_provider_tiktok.conversions.readers.declarations import RULES, SKIP
from airflow_provider_tiktok.conversions.readers.reader import (
    LEFT_OUT,
    Reader,
    Use,
    check_readers,
    column,
    readers_of,
)

__all__ = ["LEFT_OUT", "RULES", "SKIP", "Reader", "Use", "check_readers", "column", "readers_of"]
