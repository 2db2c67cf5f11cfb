"""Factors of the templates' priors, estimated from small changes between releases.

The priors in the templates were set by hand; they order what one template proposes. How much a
template's proposals are worth beside those of others was estimated on 1,134 functions and
constants that changed in a few lines between releases of 82 packages, none of them a package of a
suite (`benchmarks/symbolic_changes.py` extracts such changes). In 76 of them the whole change was
among the candidates, with the same suspicion on all lines; parts of changes at several places
count 0.3. The factors maximise the conditional likelihood of the right candidate among all of its
function (McFadden's conditional logit, with one intercept a template):

    P(candidate) proportional to value(candidate) * FACTORS[template]

with a Gaussian prior on their logarithms (precision 3, so that a template without hits stays near
1). Changes that only remove words count 0.3 and those that leave out whole statements not at all,
since releases remove code for reasons that no failing test shows. Probes, and templates that work
from exceptions that tests met or expect, are not in the table; nor are factors within 5% of 1.
"""

from __future__ import annotations

FACTORS: dict[str, float] = {
    "usual-option": 3.15,
    "pass-through": 2.44,
    "truth": 1.86,
    "operator": 1.82,
    "lookup": 1.72,
    "none-part": 1.59,
    "drop-part": 1.56,
    "flag": 1.54,
    "comparison": 1.5,
    "sibling": 1.41,
    "unwrapped": 1.38,
    "flow": 1.35,
    "dropped": 1.27,
    "similar": 1.26,
    "lost-result": 1.24,
    "regex": 1.16,
    "one-operand": 1.14,
    "pattern": 1.12,
    "number": 1.1,
    "missing-return": 1.07,
    "type-instead": 1.06,
    "off-by-one": 0.95,
    "only-if-all": 0.95,
    "helper-each": 0.94,
    "index": 0.94,
    "negate-part": 0.94,
    "assignment": 0.93,
    "field": 0.93,
    "flag-argument": 0.93,
    "default": 0.92,
    "junction": 0.92,
    "negation": 0.92,
    "slice": 0.92,
    "constant": 0.91,
    "key": 0.91,
    "optional-attribute": 0.89,
    "returned": 0.89,
    "exchanged": 0.88,
    "or-else": 0.88,
    "reordered": 0.88,
    "used-around": 0.88,
    "chained": 0.85,
    "text": 0.84,
    "instead": 0.79,
    "getter": 0.77,
    "owner": 0.77,
    "expression": 0.76,
    "further-part": 0.74,
    "leave": 0.73,
    "condition": 0.7,
    "fallback": 0.68,
    "function": 0.66,
    "leave-by-type": 0.66,
    "inserted": 0.65,
    "attribute": 0.63,
    "only-if": 0.53,
    "variable": 0.52,
    "helper": 0.51,
    "method": 0.36,
}
"""By template; 1 where it is missing."""
