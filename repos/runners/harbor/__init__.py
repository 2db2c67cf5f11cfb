"""Tests of Harbor: a script that leaves a reward in a file."""
