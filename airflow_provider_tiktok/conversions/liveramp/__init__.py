# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""LiveRamp: events that travel with an identity envelope in place of hashed identifiers, and the envelopes.

``event_types``, ``rules`` and ``payload`` know what an event looks like, ``adapter`` sends it;
``envelopes`` asks for one envelope, ``refresh`` for a whole store of them, ``envelope_store`` keeps them.
No e-mail address and no telephone number leaves through the adapter, hashed or not.
"""
