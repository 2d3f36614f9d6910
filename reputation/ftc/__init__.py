"""Fetches the complaint files that the FTC publishes each weekday, and tells which days are loaded and missing.

`sweep` reads the page with the links (`index_page`), fetches new files (`client`), checks that they are whole complaint
files (`content`), and loads them (`reputation.complaint_files`). `days` compares what is loaded with the calendar.
"""
