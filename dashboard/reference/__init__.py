"""The API reference: every call of the gateway, run from the page."""
