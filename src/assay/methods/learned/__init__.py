"""Learned: values that something was trained to give."""
