"""Mutant schemata: very many changes tried in one run of the tests.

A trial costs a start of the tests; calling a test function again costs a millisecond. So one
candidate that is never kept carries hundreds of changes (mutant schemata; Untch, Offutt and
Harrold, ISSTA 1993): `build` makes it, `runtime` runs inside the tests, `bundle` puts the source
of `runtime` into the candidate, and `results` reads what the tests' messages say.
"""
