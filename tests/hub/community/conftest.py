from tests.hub.registry.conftest import adapter, base_model, module, private_module, publish  # noqa: F401
