"""variant-class: which of nine effects does a cancer variant have, by gene, variation and clinical text? The card; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import replace

from genoboard import DataSource, Metric, ModelSpec, Split, Task, per_class

from .classes import CLASSES, MERGE

PRIOR = "prior: the shares of the classes in train"
SEEN_GENES = "Some 96 % of the test rows share their gene with a training row, and many their text; the published studies split so."
FIVE = "with likely loss counted as loss, likely gain as gain, likely neutral as neutral, likely switch as switch"

MSK = DataSource(
    "msk",
    "Kaggle / Memorial Sloan Kettering 2017: 3,321 curated variants of 264 cancer genes, with the literature that was read for them",
    read="genoboard_tasks.variant_class.reader:read",
    licence="the rules of Kaggle's competition 'Personalized Medicine: Redefining Cancer Treatment'; bring your own copy",
    cite="Kaggle and Memorial Sloan Kettering Cancer Center. Personalized Medicine: Redefining Cancer Treatment (NIPS 2017 competition track).",
)

DEMO = DataSource(
    "demo",
    "generated variants in the shape of the real ones: genes with habits, names in HGVS style, texts from templates, some of them shared",
    generate="genoboard_tasks.variant_class.demo:generate",
    fingerprint="0285f02eaaa28a6b00c81fccec5b10909f0d1e964bcb7dd9b23aff101960c0c3",
    licence="Apache-2.0, as the code that makes it",
)

GENE = Split("gene", asks="What does a variant do, of a gene never seen before?", null=PRIOR, group="gene")
TEXT = Split(
    "text",
    asks="What does a variant do that no training row's text tells of?",
    null="gene-only: the class shares of the gene",
    group="text",
)
RANDOM = Split(
    "random",
    asks="What does a further variant do, most genes and many texts being known from train?",
    null="gene-only: the class shares of the gene",
    cluster="gene",
    leaks=SEEN_GENES,
    published=True,
)
STAGE1 = replace(
    RANDOM,
    name="stage1",
    asks="Kaggle's stage 1: what do its real test variants (368 of 5,668) do, given the whole training file?",
    rule="genoboard_tasks.variant_class.stages:stage1",
)
STAGE2 = replace(
    RANDOM,
    name="stage2",
    asks="Kaggle's stage 2: how does a model fare when genes, texts and the way of labelling shift?",
    null="uniform: 1/9 for every class, ln 9 = 2.197",
    rule="genoboard_tasks.variant_class.stages:stage2",
    leaks="",
    unranked="Kaggle scored 125 of 986 rows, and their labels contradict stage 1. Look where the entries lie beside uniform, not at their order.",
)

HERE, STANDARD = "genoboard_tasks.variant_class.", "genoboard.panels:"

TASK = Task(
    name="variant-class",
    title="Variant class",
    summary="Tell from gene, variation and clinical text which of nine effects a cancer variant has.",
    kind="text",
    target="multiclass",
    classes=CLASSES,
    sources=(MSK, DEMO),
    splits=(
        GENE,
        TEXT,
        RANDOM,
        *(replace(s, name=f"{s.name}-cv5", cross_validated=True) for s in (GENE, TEXT, RANDOM)),
        STAGE1,
        STAGE2,
    ),
    metrics=(
        "multiclass-log-loss",
        "f1-macro",
        "accuracy",
        "auroc",
        "brier",
        "ece",
        Metric(
            "log-loss-5",
            "genoboard.formulas:multiclass_log_loss",
            "min",
            0.0,
            float("inf"),
            "probabilities",
            f"log loss {FIVE}",
            merge=MERGE,
        ),
        Metric("accuracy-5", "genoboard.formulas:accuracy", "max", 0.0, 1.0, "labels", f"accuracy {FIVE}", merge=MERGE),
        *per_class(CLASSES),
    ),
    controls=("prior", "uniform", "gene-only"),
    panels=(
        HERE + "panels:class_counts",
        STANDARD + "model_comparison",
        HERE + "panels:confusion",
        HERE + "panels:loss_and_f1_by_class",
        STANDARD + "per_class",
        STANDARD + "roc",
        STANDARD + "reliability",
        HERE + "slices:loss_by_gene_seen",
        HERE + "slices:loss_by_variant_type",
        HERE + "slices:loss_by_text_length",
        HERE + "slices:loss_by_mention",
        HERE + "slices:loss_by_shared_text",
        HERE + "cases:gain_by_gene",
        HERE + "cases:worst_rows",
        STANDARD + "top_features",
        STANDARD + "splits",
        HERE + "panels:stage_2_shift",
    ),
    id_column="ID",
    target_column="Class",
)

CONTROLS = (
    ModelSpec(
        "gene-only",
        "genoboard_tasks.variant_class.controls:GeneOnly",
        "the class shares of the gene's training rows, smoothed: what a model could score without reading",
        parameters={"a": 2.0},
        kinds=("text",),
        targets=("multiclass",),
        columns=("gene",),
    ),
)
