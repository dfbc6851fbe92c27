"""The items of GRRAS, each in our own short words.

The checklist and its exact wording: Kottner et al., J Clin Epidemiol 2011;64:96-106,
Table 1. What stands here is a reminder of what an item is about and no substitute.
"""

from __future__ import annotations

from napari_ptx.report.checklist import Item, items

REFERENCE = "Kottner et al., GRRAS, J Clin Epidemiol 2011;64:96–106"

ITEMS: tuple[Item, ...] = items(
    {
        "Title and abstract": {
            "1": "Title or abstract tells that agreement between or within readers was examined",
        },
        "Introduction": {
            "2": "What is measured, and with what",
            "3": "The patients or images that are of interest",
            "4": "The readers that are of interest",
            "5": "What is known of the agreement so far, and why the study was made",
        },
        "Methods": {
            "6": "How many readers, cases and repeated readings were planned, and why",
            "7": "How cases and readers were chosen",
            "8": "How readings were made: interval between repeats, what readers knew, blinding",
            "9": "Whether readings were independent of each other",
            "10": "The statistical analysis",
        },
        "Results": {
            "11": "How many readers, cases and repeated readings there really were",
            "12": "Who the readers were, and what the cases were like",
            "13": "Estimates of agreement with their uncertainty",
        },
        "Discussion": {
            "14": "What the results mean in practice",
        },
        "Auxiliary material": {
            "15": "The single results, where they can be given",
        },
    }
)
"""15 items."""
