# Copyright the airflow-provider-tiktok contributors.
# SPDX-License-Identifier: Apache-2.0

"""A connection form as Airflow before 3.2 asks for it, made from the data of ``get_provider_info``."""

from __future__ import annotations

from typing import Any

_FIELD_CLASSES = {"string": "StringField", "integer": "IntegerField", "boolean": "BooleanField"}


def field_behaviour(connection: dict[str, Any]) -> dict[str, Any]:
    """How the standard fields look, in the spelling of a hook's ``get_ui_field_behaviour``."""
    behaviour = connection["ui-field-behaviour"]
    return {
        "hidden_fields": list(behaviour["hidden-fields"]),
        "relabeling": dict(behaviour["relabeling"]),
        "placeholders": dict(behaviour["placeholders"]),
    }


def form_widgets(connection: dict[str, Any]) -> dict[str, Any]:
    """The connection's own fields, as form widgets of Airflow's former web pages."""
    return {name: _widget(field) for name, field in connection["conn-fields"].items()}


def _widget(field: dict[str, Any]) -> Any:
    # Only the web server has these, and only where it still shows the former pages.
    import wtforms
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms.validators import Optional

    schema = field["schema"]
    kind, *_ = schema["type"]
    facts: dict[str, Any] = {"description": field.get("description", ""), "default": schema.get("default")}
    if schema.get("format") == "password":
        return wtforms.PasswordField(lazy_gettext(field["label"]), widget=BS3PasswordFieldWidget(), **facts)
    if kind != "boolean":
        facts |= {"widget": BS3TextFieldWidget(), "validators": [Optional()]}
    return getattr(wtforms, _FIELD_CLASSES[kind])(lazy_gettext(field["label"]), **facts)
