"""The items of TRIPOD+AI, each in our own short words.

The checklist and its exact wording: Collins et al., BMJ 2024;385:e078378. What stands here
is a reminder of what an item is about and no substitute for the checklist.
"""

from __future__ import annotations

from napari_ptx.report.checklist import Item, items

ITEMS: tuple[Item, ...] = items(
    {
        "Title and abstract": {
            "1": "A title that says: a prediction model, developed or evaluated, for whom and what",
            "2": "An abstract with the items of TRIPOD+AI for abstracts",
        },
        "Introduction": {
            "3a": "The clinical setting, why a model is needed, and which models exist",
            "3b": "For which patients, at which point of care, and for whose use",
            "3c": "Known inequalities in health between groups of people",
            "4": "The aims: developing, evaluating, or both",
        },
        "Methods: data and participants": {
            "5a": "Where the data come from, why these, and whom they represent",
            "5b": "When participants were recruited and followed",
            "6a": "The kind, number and places of the centres",
            "6b": "Who could take part and who could not",
            "6c": "Treatments received, and how they were dealt with",
            "7": "How data were prepared and checked, and whether alike in all groups",
        },
        "Methods: outcome and predictors": {
            "8a": "What is predicted, how and when it was found out, and alike for everybody",
            "8b": "Who judged the outcome, where that takes judgement",
            "8c": "What kept the judgement of the outcome blind to the predictors",
            "9a": "Which predictors were considered first, and why",
            "9b": "How and when each predictor was measured",
            "9c": "Who judged predictors, where that takes judgement",
            "10": "How many were needed, and how that was worked out",
            "11": "What was done about missing data",
        },
        "Methods: analysis": {
            "12a": "Which data served development and which evaluation, and how they were divided",
            "12b": "How predictors were transformed and chosen",
            "12c": "The kind of model, every step of building it, and internal validation",
            "12d": "Whether results differ between centres or countries",
            "12e": "How performance is measured, drawn and compared",
            "12f": "Whether and how a model was updated, as by recalibration",
            "12g": "How a prediction is computed for an evaluation",
            "13": "What was done about classes of unequal size, and its consequences",
            "14": "What was done for fairness between groups of people",
            "15": "What a model gives out, and how a threshold was set",
            "16": "How training and evaluation data differ",
            "17": "Approval by an ethics committee, and consent",
        },
        "Open science": {
            "18a": "Funding and the part of the funders",
            "18b": "Conflicts of interest",
            "18c": "Where the protocol is",
            "18d": "Where the study is registered",
            "18e": "Who can have the data",
            "18f": "Who can have the code of the analysis",
            "19": "How patients and the public took part",
        },
        "Results": {
            "20a": "How participants came through the study, with numbers; a diagram",
            "20b": "Who they were, with and without the outcome, and what is missing",
            "20c": "How evaluation data compare with development data in important predictors",
            "21": "How many participants and outcomes each analysis had",
            "22": "The whole model, so that others can predict with it",
            "23a": "Performance with intervals, also in important groups of people",
            "23b": "Performance in each centre, where that was examined",
            "24": "What an update changed",
        },
        "Discussion": {
            "25": "What the results mean, with fairness and earlier studies in view",
            "26": "Limits of the study: who is not represented, size, overfitting, missing data",
            "27a": "What a user does about poor or missing input",
            "27b": "What the user must do by hand, and must know",
            "27c": "What is to come next, with generalisability in view",
        },
    }
)
"""27 items with their parts: 52."""
