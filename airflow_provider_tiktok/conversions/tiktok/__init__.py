# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""TikTok's API: events in its wire form, its return codes, its calls, and the destination made of them.

``payload`` knows an event's wire form, ``return_codes`` what answers mean, ``client`` the calls, ``probe``
what they say of a token, ``pixels`` what they say of a pixel; ``destination`` joins them for a run.
"""
