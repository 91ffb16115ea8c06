"""``config.json``: the settings that the task pane needs. It is public: nothing secret may ever enter it."""

import json
from importlib.metadata import version
from typing import Final

from outlook_addin_core.domain.config import AddinConfig

DISTRIBUTION: Final = "outlook-addin-operator"


def public_config(config: AddinConfig) -> str:
    """Return the pane's settings as JSON."""
    document = {
        "addinId": config.addin_id,
        "clientId": config.client_id,
        "authority": config.authority,
        "tokenScope": config.token_scope,
        "unbluOAuthBackendUrl": config.unblu_oauth_backend_url,
        "officeJsUrl": config.office_js_url,
        "conversationTemplateId": config.conversation_template_id,
        "invitationTexts": config.invitation_texts,
        "syncServerEnabled": config.sync_server_enabled,
        "debugMode": config.debug_mode,
        "showDebugPane": config.show_debug_pane,
        "version": version(DISTRIBUTION),
    }
    return json.dumps(document, indent=2)
