import os

from django.core.wsgi import get_wsgi_application

from portal.preloading import load_views_and_templates

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
load_views_and_templates()
