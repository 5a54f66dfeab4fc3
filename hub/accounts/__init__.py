"""Who somebody is: users, the names they own, and their API tokens."""
