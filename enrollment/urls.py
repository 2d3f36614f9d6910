from enrollment import views

urlpatterns = views.urls
