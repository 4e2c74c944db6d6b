"""The pages. A view fetches through access, validates a form, calls one operation, renders or redirects."""
