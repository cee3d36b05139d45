"""Gene families: HGNC symbol -> functional category, by the stems that HGNC gives to families; what no stem tells is unclassified."""

from __future__ import annotations

import re

UNCLASSIFIED = "unclassified"

# Category -> what its symbols match; the first that fits is taken. A stem says what family a gene is of, not what it does in a cell.
FAMILIES: tuple[tuple[str, str], ...] = (
    ("pseudogene", r"[A-Z]\w*\d[A-Z]?P\d*"),
    ("non-coding RNA", r"LINC\d+|MIR\d.*|SNOR[AD].*|RNU\d.*|RNA?Y\d*|.*-AS\d*|.*-(IT|DT|OT)\d*|MALAT1|NEAT1|MEG3|MIAT|XIST|FAM138.|RP\d+-.*|SCARNA\d+"),
    ("potassium channel", r"KCN.*"),
    ("sodium channel", r"SCN\d+[AB]|SCNN1.|NALCN"),
    ("calcium channel", r"CACN.*"),
    ("other ion channel", r"TRP[ACMPV]\w*\d|HCN\d|CLCN.*|ANO\d+|PIEZO\d|ASIC\d|TMC\d"),
    ("GABA or glycine receptor", r"GABR.*|GABBR\d|GLR[AB]\d?"),
    ("glutamate receptor", r"GRI[AKDN]\w*|GRM\d"),
    ("dopamine, serotonin or other amine receptor", r"DRD\d|HTR\d\w*|ADR[AB]\w*|HRH\d|TAAR\d"),
    ("acetylcholine receptor", r"CHRN.*|CHRM\d"),
    ("neuropeptide or its receptor", r"GAL|TRH|TRHR|NPY\d?R?|VIP|VIPR\d|SST|SSTR\d|CRH|CRHR\d|CRHBP|AVP|AVPR\w*|OXT|OXTR|PENK|PDYN|POMC|HCRT|HCRTR\d|TAC[134]|TACR\d|CCK|CCK[AB]R|PMCH|AGRP|CARTPT|NTS|NTSR\d|GALR\d|KISS1R?|GHRH|GNRH1|NMU|NMB|GRP|UCN\d?|NPFF|NPVF|QRFP|PTHLH?|ADCYAP1|GALP|SCG\d|OPR[KMD]1|CALC[AB]"),
    ("transmitter synthesis or transport", r"TH|DDC|DBH|TPH\d|GAD[12]|CHAT|HDC|SLC6A(2|3|4|1|5|9|11)|SLC17A[678]|SLC18A[123]|SLC32A1|MAO[AB]|COMT"),
    ("solute carrier", r"SLC\d+A\d+\w*|SLCO\w+"),
    ("homeobox", r"HOX[A-D]\d+|DLX\d|EMX\d|OTX\d|LHX\d|NKX\d.*|PAX\d|PITX\d|SIX\d|MEIS\d|IRX\d|EN[12]|GBX\d|LMX1[AB]|ISL\d|POU\d\w+|TLX\d|BARHL\d|MSX\d|PHOX2[AB]|PROX\d|ZFHX\d|CUX\d|SATB\d|ONECUT\d|ARX|VAX\d|HMX\d|DBX\d|UNCX"),
    ("nuclear receptor", r"NR\d[A-H]\d|ROR[ABC]|RAR[ABG]|RXR[ABG]|ESR\d|ESRR[ABG]|THR[AB]|PPAR[ADG]|VDR|AR"),
    ("other transcription factor", r"ZIC\d|FOX[A-S]\d\w*|SOX\d+|TBR1|EOMES|TBX\d+|NEUROD\d|NEUROG\d|ASCL\d|ATOH\d|BHLHE\d+|OLIG\d|GATA\d|KLF\d+|SP\d|EGR\d|FOS[BL]?\d?|JUN[BD]?|MEF2[A-D]|BCL11[AB]|FEZF\d|ZNF\d+\w?|ZBTB\d+|EBF\d|TCF\d+(L\d)?|TFAP2[A-E]|NFI[ABCX]|HR|MYT1L?|PRDM\d+"),
    ("G protein or its regulator", r"RGS\d+|GNA\w+|GNB\d\w*|GNG\w+|GPR\d+\w?|ADGR\w+|ARHGEF\d+\w?|ARHGAP\d+\w?|RASGR\w+|PDE\d+\w*|ADCY\d+|PPP1R1B"),
    ("myelin or glia", r"MBP|MOBP|MOG|MAG|PLP1|CNP|GFAP|AQP4|CLDN11|OPALIN|ERMN|MAL|S100B|ALDH1L1"),
    ("synapse or adhesion", r"SYT\d+|SYN\d|SNAP\d+|STX\w+|NRXN\d|NLGN\d|CDH\d+|PCDH\w+|CNTN\d|CNTNAP\d\w?|NCAM\d|CBLN\d|SHANK\d|DLG\d|HOMER\d|LRRTM\d|LRFN\d|NTNG\d"),
    ("calcium binding", r"CALB\d|CALN1|CALM\d|PVALB|HPCA\w*|NECAB\d|CAMK\w+|S100A\d+"),
    ("extracellular matrix or collagen", r"COL\d+A\d+|LAM[ABC]\d|TNR|TNC|VCAN|ACAN|HAPLN\d|FBN\d|FN1|POSTN|MMP\d+|ADAMTS\w+"),
    ("Wnt, BMP, FGF or other signal", r"WNT\d+\w?|FZD\d+|BMP\d+\w?|GDF\d+|FGF\d+|FGFR\d|TGFB\w*|IGF\d|IGFBP\d+|PDGF\w+|VEGF\w|EPH[AB]\d+|EFN[AB]\d|SEMA\d\w|PLXN\w+|SLIT\d|ROBO\d|NTN\d|RELN|BDNF|NTRK\d|SFRP\d|DKK\d"),
    ("immune", r"HLA-\w+|CD\d+\w*|C[1-9][QRS]?\w?|CCL\d+|CXCL\d+|IL\d+\w*|IFI\w+|IGH\w+|IGK\w+|IGL\w+|TREM\d|AIF1|SPP1"),
    ("mitochondrial or ribosomal", r"MT-\w+|MTATP\w+|RP[LS]\d+\w*|NDUF\w+|COX\d\w*|ATP5\w+|UQCR\w+"),
    ("olfactory receptor", r"OR\d+[A-Z]+\d+"),
    ("pancreatic enzyme (contamination)", r"PRSS[12]|PNLIP|CLPS|CELA\d\w?|CPA1|CPB1|CTRB\d"),
)  # fmt: skip

_RULES = tuple((category, re.compile(pattern)) for category, pattern in FAMILIES)


def category(symbol: str, biotype: str = "") -> str:
    """Return the category of a gene; its biotype, where known, is believed before its symbol."""
    if "pseudogene" in biotype:
        return "pseudogene"
    if biotype and biotype != "protein_coding":
        return "non-coding RNA"
    known_to_code = biotype == "protein_coding"
    for name, pattern in _RULES:
        if pattern.fullmatch(symbol) and not (known_to_code and name in ("pseudogene", "non-coding RNA")):
            return name
    return UNCLASSIFIED
