"""The API `/api/v1/`: thin operations that call the same domain functions as the views."""
