"""How people prove who they are: django-allauth's sign-in with the portal's rules, texts and mails."""
