from enrollment import exchange_views, views

urlpatterns = [*views.urls, *exchange_views.urls]
