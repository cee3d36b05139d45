"""expression-regression: how strongly is a gene expressed in a cell type, by the open chromatin around its TSS? The card; nothing heavy is imported here."""

from __future__ import annotations

from genoboard import DataSource, Metric, ModelSpec, Split, Task

HERE = "genoboard_tasks.expression_regression."
MEDIAN = "genoboard.profiles:median_pearson"

OPENNESS = DataSource(
    "openness",
    "your own: openness of regions and expression of genes in the same samples, described by a dataset.toml",
    read=HERE + "reader:read",
)

DEMO = DataSource(
    "demo",
    "a generated genome: 600 genes x 18 cells of 5 lineages, 200 bins, expression by known weights that fall off with distance; nobody's data",
    generate=HERE + "demo:generate",
    licence="Apache-2.0, as the code that makes it",
    fingerprint="e166fa4146a359229b00b491fde5fed1c4d9bdceb825121b73dc262b44398135",
)

CELLS = Split(
    "cells",
    asks="How strongly is a gene expressed in the cells of a lineage never seen?",
    null="gene-mean: the gene's mean over the training cells",
    group="lineage",
    cross_validated=True,
    stratified=False,
    baseline="gene",
)
CHROMOSOMES = Split(
    "chromosomes",
    asks="How strongly is a gene expressed, of a chromosome never seen, in cells that are known?",
    null="cell-mean: the cell's mean over the training genes",
    group="chromosome",
    cross_validated=True,
    stratified=False,
    baseline="cell",
)
BOTH = Split(
    "both",
    asks="How strongly is a gene of a chromosome never seen expressed in the cells of a lineage never seen?",
    null="grand-mean: the mean of the training rows",
    group="chromosome",
    stratified=False,
    cluster="lineage",
    rule=HERE + "protocol:both",
)
RANDOM = Split(
    "random",
    asks="How strongly is a gene expressed in a cell, most of its other cells, and most other genes of that cell, being known?",
    null="gene-mean: the gene's mean over the training cells",
    stratified=False,
    cluster="chromosome",
    baseline="gene",
    leaks="A test row's gene is in train in other cells, and so are its neighbours' overlapping windows: a model may remember each place's mean.",
    published=True,
)
POSTER = Split(
    "poster",
    asks="The published study's question: the z-score of a gene in a cell, rows dealt 90/5/5 at random (seed 123).",
    null="grand-mean: 0, for z-scores; its MSE is about 1",
    stratified=False,
    cluster="chromosome",
    rule=HERE + "protocol:poster",
    protocol=HERE + "protocol:z_scores",
    leaks="z-scores of openness and expression are taken per gene over all cells, the test rows among them, and do not exist for a gene never seen; "
    "rows of one gene are on both sides.",
    published=True,
)

TASK = Task(
    name="expression-regression",
    title="Expression from openness",
    summary="Tell from the chromatin openness around its TSS how strongly a gene is expressed in a cell type.",
    kind="bins",
    target="regression",
    sources=(OPENNESS, DEMO),
    splits=(CELLS, CHROMOSOMES, BOTH, RANDOM, POSTER),
    metrics=(
        "mse",
        "skill",
        "r2",
        "mae",
        Metric("gene-pearson", MEDIAN, "max", -1.0, 1.0, "values", "median over genes of Pearson's r across cells", beside="gene"),
        Metric("cell-pearson", MEDIAN, "max", -1.0, 1.0, "values", "median over cells of Pearson's r across genes", beside="cell"),
    ),
    references=(
        "Schreiber J, Singh R, Bilmes J, Noble WS. A pitfall for machine learning methods aiming to predict across cell types. Genome Biology 21, 282 (2020).",
    ),
    controls=("grand-mean", "gene-mean", "cell-mean", "additive", "nearest-cells"),
    panels=(
        HERE + "panels:distributions",
        HERE + "panels:cells",
        "genoboard.panels:model_comparison",
        HERE + "panels:training",
        HERE + "error_panels:expression_against_mse",
        HERE + "error_panels:actual_against_predicted",
        HERE + "error_panels:without_the_worst",
        HERE + "window_panels:weights_by_distance",
        HERE + "unit_panels:error_by_cell",
        HERE + "unit_panels:outlier_cell",
        HERE + "unit_panels:unit_distributions",
        HERE + "window_panels:window_ablation",
        "genoboard.panels:splits",
    ),
    target_column="expression",
)


def _control(name: str, target: str, summary: str, **parameters: float) -> ModelSpec:
    return ModelSpec(name, f"{HERE}controls:{target}", summary, parameters, kinds=("bins",), targets=("regression",))


CONTROLS = (
    _control("gene-mean", "GeneMean", "the gene's mean over the training cells"),
    _control("cell-mean", "CellMean", "the cell's mean over the training genes"),
    _control("additive", "Additive", "gene mean + cell mean - grand mean"),
    _control("nearest-cells", "NearestCells", "the gene's mean over the training cells whose openness is most like the row's cell", k=3),
)
