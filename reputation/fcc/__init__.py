"""Complaints to the FCC (*Consumer Complaints Data - Unwanted Calls*), asked for by number.

client    sends the questions, and raises an FccError for an answer that cannot be used
answers   reads the rows of an answer
dataset   what is known of the data service: its version, failures, requests of the hour
asking    asks about the monitored numbers, batch by batch, once for each version
counts    what pages and providers read of the answers
"""
