import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from portal.backups.data_directory import describe_unfinished_restore
from portal.preloading import load_code

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
if problem := describe_unfinished_restore():
    raise ImproperlyConfigured(problem)
load_code()
