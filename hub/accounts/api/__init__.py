"""The accounts' part of /api/v1/. The same services as the pages."""
