from django.urls import URLPattern

site_urls: list[URLPattern] = []
catchall_urls: list[URLPattern] = []
