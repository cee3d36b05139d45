"""brain-region: which of 13 brain regions is an RNA-seq sample from? The card; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import replace

from genoboard import DataSource, Metric, ModelSpec, RemoteFile, Split, Task, per_class

from .regions import MERGE, REGIONS

BUCKET = "https://storage.googleapis.com/adult-gtex/"
READER = "genoboard_tasks.brain_region.reader:read"
MERGED = "with Cerebellar Hemisphere counted as Cerebellum and BA9 as Cortex: each is one place, taken twice"
SHARED_DONORS = "Some 97 % of the test donors have other samples in train, so a model may know the donor; the published study split so."

GTEX = DataSource(
    "gtex-v8",
    "GTEx v8: 2,642 post-mortem brain samples of 382 donors, bulk RNA-seq, log2(TPM+1)",
    read=READER,
    # GTEx publishes no hashes. The two here are what several unrelated public repositories recorded of the same files.
    files=(
        RemoteFile(
            BUCKET + "bulk-gex/v8/rna-seq/GTEx_Analysis_2017-06-05_v8_RNASeQCv1.1.9_gene_tpm.gct.gz",
            sha256="ec783825ebebb8ba8525b73cb7ff9577162bc0d2e8a7fdc408283b7639c306fb",
        ),
        RemoteFile(
            BUCKET + "annotations/v8/metadata-files/GTEx_Analysis_v8_Annotations_SampleAttributesDS.txt",
            sha256="74f6ab4c34ed2648d708a0ae6e6dff324f6c86ea723ae7d1c37d76f5221148f0",
        ),
        RemoteFile(BUCKET + "annotations/v8/metadata-files/GTEx_Analysis_v8_Annotations_SubjectPhenotypesDS.txt"),
    ),
    licence="GTEx open-access data; see the GTEx Portal's terms of use",
    cite="GTEx Consortium. The GTEx Consortium atlas of genetic regulatory effects across human tissues. Science 369, 1318-1330 (2020).",
)

DEMO = DataSource(
    "demo",
    "a generated cohort in the shape of GTEx's brain samples: 13 regions, 110 donors, 600 genes; nobody's data",
    generate="genoboard_tasks.brain_region.demo:generate",
    fingerprint="2fc46aeb5a5312d025426fbe73ef62a40b331446151249dc0d69d65962e4e7bd",
    licence="Apache-2.0, as the code that makes it",
)

DONOR = Split(
    "donor",
    asks="Which region is a sample from, of a donor never seen before?",
    null="prior: the shares of the regions in train",
    group="donor",
)
RANDOM = Split(
    "random",
    asks="Which region is a further sample from, most donors having other samples in train?",
    null="prior: the shares of the regions in train",
    cluster="donor",
    leaks=SHARED_DONORS,
    published=True,
)

HERE = "genoboard_tasks.brain_region."

TASK = Task(
    name="brain-region",
    title="Brain region",
    summary="Tell from its gene expression which of 13 brain regions an RNA-seq sample was taken from.",
    kind="tabular",
    target="multiclass",
    classes=REGIONS,
    sources=(GTEX, DEMO),
    splits=(
        DONOR,
        RANDOM,
        replace(DONOR, name="donor-cv5", cross_validated=True),
        replace(RANDOM, name="random-cv5", cross_validated=True),
    ),
    metrics=(
        "f1-macro",
        "accuracy",
        Metric("f1-macro-11", "genoboard.formulas:f1_macro", "max", 0.0, 1.0, "labels", f"f1-macro {MERGED}", merge=MERGE),
        "auroc",
        "multiclass-log-loss",
        "f1-weighted",
        Metric("accuracy-11", "genoboard.formulas:accuracy", "max", 0.0, 1.0, "labels", f"accuracy {MERGED}", merge=MERGE),
        *per_class(REGIONS),
    ),
    references=(
        "Nieuwenhuis TO, Yang SY, Verma RX et al. Consistent RNA sequencing contamination in GTEx and other data sets. Nature Communications 11, 1933 (2020).",
    ),
    controls=("prior", "majority", "technical-covariates"),
    panels=(
        HERE + "expression_panels:samples_per_region",
        HERE + "expression_panels:expression_distributions",
        HERE + "expression_panels:mean_variance",
        HERE + "expression_panels:components",
        HERE + "expression_panels:umap",
        HERE + "expression_panels:region_correlation",
        "genoboard.panels:model_comparison",
        HERE + "panels:confusion",
        "genoboard.panels:per_class",
        "genoboard.panels:roc",
        "genoboard.panels:reliability",
        HERE + "gene_panels:top_genes",
        HERE + "gene_panels:biotype_shares",
        HERE + "gene_panels:functional_categories",
        HERE + "gene_panels:rank_stability",
        HERE + "gene_panels:top_gene_heatmap",
        HERE + "gene_panels:marker_genes",
        HERE + "panels:errors_by_donor",
        HERE + "panels:merged_classes",
        HERE + "panels:donor_gap",
        "genoboard.panels:splits",
    ),
    id_column="id",
    target_column="region",
)

CONTROLS = (
    ModelSpec(
        "technical-covariates",
        "genoboard_tasks.brain_region.controls:TechnicalCovariates",
        "naive Bayes on RIN, ischemic time, batch and center alone: what a model could score without any expression",
        parameters={"bins": 8, "strength": 4.0},
        targets=("multiclass",),
        tasks=("brain-region",),
        inputs="control",
    ),
)
