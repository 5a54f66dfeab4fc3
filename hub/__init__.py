"""The site: a Django project over `composer`. settings.py holds every knob, urls.py every address."""
