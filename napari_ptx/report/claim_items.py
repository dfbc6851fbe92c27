"""The items of CLAIM, 2024 update, each in our own short words.

The checklist and its exact wording: Tejani et al., Radiology: Artificial Intelligence
2024;6(4):e240300. What stands here is a reminder of what an item is about and no substitute.
"""

from __future__ import annotations

from napari_ptx.report.checklist import Item, items

REFERENCE = (
    "Tejani et al., CLAIM: 2024 update, Radiology: Artificial Intelligence 2024;6(4):e240300"
)

ITEMS: tuple[Item, ...] = items(
    {
        "Title and abstract": {
            "1": "A title that names the technique",
            "2": "An abstract with design, methods, results, conclusions",
        },
        "Introduction": {
            "3": "Scientific and clinical background, and the part the method is to play",
            "4": "Aims and hypotheses",
        },
        "Methods: study design": {
            "5": "Whether prospective or retrospective",
            "6": "The goal of the study",
        },
        "Methods: data": {
            "7": "Where the data come from",
            "8": "Who was included and who was not",
            "9": "What was done to the data before use",
            "10": "Which parts of the data were selected",
            "11": "How identities were removed",
            "12": "What was done about missing data",
            "13": "How the images were acquired",
        },
        "Methods: reference standard": {
            "14": "How the reference standard was obtained",
            "15": "Why this reference standard",
            "16": "Who annotated the reference standard",
            "17": "How the test set was annotated",
            "18": "How far annotators vary, between and within themselves",
        },
        "Methods: data partitions": {
            "19": "How data were divided",
            "20": "At which level the parts have nothing in common",
        },
        "Methods: testing data": {
            "21": "The intended size of the sample",
        },
        "Methods: model": {
            "22": "The model in detail",
            "23": "Software with its libraries",
            "24": "What the parameters began with",
        },
        "Methods: training": {
            "25": "How training was done",
            "26": "How the final model was chosen",
            "27": "How models were combined",
        },
        "Methods: evaluation": {
            "28": "Measures of performance",
            "29": "Statistical significance and uncertainty",
            "30": "How sturdy the results are",
            "31": "How the model's answers are explained",
            "32": "Evaluation on data of the same source",
            "33": "Testing on data of another source",
            "34": "Where a trial is registered",
        },
        "Results: data": {
            "35": "How many patients or examinations were included and excluded",
            "36": "Who they were, in each part of the data",
        },
        "Results: model performance": {
            "37": "Performance with its uncertainty",
            "38": "Diagnostic performance with its precision",
            "39": "What went wrong with cases that were classified wrongly",
        },
        "Discussion": {
            "40": "Limits of the study",
            "41": "What it means for practice",
        },
        "Other information": {
            "42": "Where the full protocol or further technical details are",
            "43": "Who can have software, model and data",
            "44": "Funding, and the part of the funders",
        },
    }
)
"""44 items."""
