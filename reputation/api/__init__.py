"""The API `/api/v1/`: routers as thin as the views, which call the same domain functions."""
