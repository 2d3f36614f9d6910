"""The brokers of django-q2, with a queue for the canaries of each cluster in front of the common one."""
