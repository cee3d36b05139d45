"""civic-significance: what does a variant mean for the patient, by a curator's summary of one paper? The card; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import replace

from genoboard import DataSource, RemoteFile, Split, Task, per_class

from .significance import CLASSES

RELEASE = "01-Aug-2021"

CIVIC = DataSource(
    "civic",
    f"CIViC's release of {RELEASE}: evidence items, each a gene, a variant and what a curator wrote of one publication",
    read="genoboard_tasks.civic_significance.reader:read",
    files=(
        RemoteFile(
            f"https://civicdb.org/downloads/{RELEASE}/{RELEASE}-ClinicalEvidenceSummaries.tsv",
            sha256="48c6e656672fd2511cb0fc15c70ae2d63e2a365e4b33943b91a1e23bf9ad490a",
            size=4_040_518,
        ),
    ),
    licence="CC0 1.0 (public domain)",
    cite="Griffith M, Spies NC, Krysiak K et al. CIViC is a community knowledgebase for expert crowdsourcing the clinical interpretation of variants in cancer. Nature Genetics 49, 170-174 (2017).",
)

CITATION = Split(
    "citation",
    asks="What does a statement say of a variant, from a publication never seen before?",
    null="gene-only: the class shares of the gene",
    group="citation",
)
GENE = Split(
    "gene",
    asks="What does a statement say of a variant, of a gene never seen before?",
    null="prior: the shares of the classes in train",
    group="gene",
)
RANDOM = Split(
    "random",
    asks="What does a further statement say, others on the same publication being known?",
    null="gene-only: the class shares of the gene",
    cluster="citation",
    leaks="Statements on one publication say the same of its variants, often in the same words.",
    published=True,
)

# written for variant-class, whose rows are gene, variation and text, too
READING, STANDARD = "genoboard_tasks.variant_class.", "genoboard.panels:"

TASK = Task(
    name="civic-significance",
    title="Clinical significance",
    summary="Tell from gene, variant and a curator's evidence statement which of six clinical significances CIViC gives it.",
    kind="text",
    target="multiclass",
    classes=CLASSES,
    sources=(CIVIC,),
    splits=(CITATION, GENE, RANDOM, *(replace(s, name=f"{s.name}-cv5", cross_validated=True) for s in (CITATION, GENE, RANDOM))),
    metrics=("multiclass-log-loss", "f1-macro", "accuracy", "auroc", "brier", "ece", *per_class(CLASSES)),
    controls=("prior", "gene-only"),
    panels=(
        READING + "panels:class_counts",
        STANDARD + "model_comparison",
        STANDARD + "confusion",
        READING + "panels:loss_and_f1_by_class",
        STANDARD + "per_class",
        STANDARD + "roc",
        STANDARD + "reliability",
        READING + "slices:loss_by_gene_seen",
        READING + "slices:loss_by_variant_type",
        READING + "slices:loss_by_text_length",
        READING + "slices:loss_by_mention",
        READING + "slices:loss_by_shared_text",
        READING + "cases:gain_by_gene",
        READING + "cases:worst_rows",
        STANDARD + "top_features",
        STANDARD + "splits",
    ),
    id_column="evidence_id",
    target_column="clinical_significance",
)
