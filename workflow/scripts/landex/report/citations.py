"""Works that the methods text cites, and the words for every kind of model."""

CITATIONS = {
    "dgex": "Chen Y, Li Y, Narayan R, Subramanian A, Xie X (2016). Gene expression inference with deep learning. "
    "Bioinformatics 32:1832-1839. doi:10.1093/bioinformatics/btw074",
    "l1000": "Subramanian A, Narayan R, Corsello SM, et al. (2017). A next generation Connectivity Map: L1000 "
    "platform and "
    "the first 1,000,000 profiles. Cell 171:1437-1452. doi:10.1016/j.cell.2017.10.049",
    "geo": "Barrett T, Wilhite SE, Ledoux P, et al. (2013). NCBI GEO: archive for functional genomics data sets - "
    "update. "
    "Nucleic Acids Research 41:D991-D995. doi:10.1093/nar/gks1193",
    "geoparse": "Gumienny R. GEOparse: Python library to access Gene Expression Omnibus.",
    "quantiles": "Bolstad BM, Irizarry RA, Astrand M, Speed TP (2003). A comparison of normalization methods for "
    "high density "
    "oligonucleotide array data based on variance and bias. Bioinformatics 19:185-193. "
    "doi:10.1093/bioinformatics/19.2.185",
    "ledoit_wolf": "Ledoit O, Wolf M (2004). A well-conditioned estimator for large-dimensional covariance matrices. "
    "Journal "
    "of Multivariate Analysis 88:365-411. doi:10.1016/S0047-259X(03)00096-4",
    "ridge": "Hoerl AE, Kennard RW (1970). Ridge regression: biased estimation for nonorthogonal problems. "
    "Technometrics "
    "12:55-67. doi:10.1080/00401706.1970.10488634",
    "lasso": "Tibshirani R (1996). Regression shrinkage and selection via the lasso. Journal of the Royal "
    "Statistical Society "
    "B 58:267-288. doi:10.1111/j.2517-6161.1996.tb02080.x",
    "elastic_net": "Zou H, Hastie T (2005). Regularization and variable selection via the elastic net. Journal of "
    "the Royal "
    "Statistical Society B 67:301-320. doi:10.1111/j.1467-9868.2005.00503.x",
    "knn": "Cover T, Hart P (1967). Nearest neighbor pattern classification. IEEE Transactions on Information Theory "
    "13:21-27. doi:10.1109/TIT.1967.1053964",
    "sample_lasso": "Mancuso CA, Canfield JL, Singla D, Krishnan A (2020). A flexible, interpretable, and accurate "
    "approach "
    "for imputing the expression of unmeasured genes. Nucleic Acids Research 48:e125. doi:10.1093/nar/gkaa881",
    "kernel_ridge": "Saunders C, Gammerman A, Vovk V (1998). Ridge regression learning algorithm in dual variables. "
    "Proceedings of the 15th International Conference on Machine Learning, 515-521.",
    "stacking": "Breiman L (1996). Stacked regressions. Machine Learning 24:49-64. doi:10.1007/BF00117832",
    "taaf": "Kunc V, Klema J (2021). On transformative adaptive activation functions in neural networks for gene "
    "expression "
    "inference. PLoS ONE 16:e0243915. doi:10.1371/journal.pone.0243915",
    "forests": "Breiman L (2001). Random forests. Machine Learning 45:5-32. doi:10.1023/A:1010933404324",
    "hesterberg": "Hesterberg TC (2015). What teachers should know about the bootstrap: resampling in the "
    "undergraduate "
    "statistics curriculum. The American Statistician 69:371-386. doi:10.1080/00031305.2015.1089789",
    "wilcoxon": "Wilcoxon F (1945). Individual comparisons by ranking methods. Biometrics Bulletin 1:80-83. "
    "doi:10.2307/3001968",
    "benjamini_hochberg": "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and "
    "powerful "
    "approach to multiple testing. Journal of the Royal Statistical Society B 57:289-300. "
    "doi:10.1111/j.2517-6161.1995.tb02031.x",
    "conformal": "Lei J, G'Sell M, Rinaldo A, Tibshirani RJ, Wasserman L (2018). Distribution-free predictive "
    "inference for "
    "regression. Journal of the American Statistical Association 113:1094-1111. doi:10.1080/01621459.2017.1307116",
    "hierarchical": "Lee Y, Barber RF, Willett R (2023). Distribution-free inference with hierarchical data. "
    "arXiv:2306.06342",
    "snakemake": "Molder F, Jablonski KP, Letcher B, et al. (2021). Sustainable data analysis with Snakemake. "
    "F1000Research "
    "10:33. doi:10.12688/f1000research.29032.2",
    "numpy": "Harris CR, Millman KJ, van der Walt SJ, et al. (2020). Array programming with NumPy. Nature 585:357-362. "
    "doi:10.1038/s41586-020-2649-2",
    "scipy": "Virtanen P, Gommers R, Oliphant TE, et al. (2020). SciPy 1.0: fundamental algorithms for scientific "
    "computing "
    "in Python. Nature Methods 17:261-272. doi:10.1038/s41592-019-0686-2",
    "sklearn": "Pedregosa F, Varoquaux G, Gramfort A, et al. (2011). Scikit-learn: machine learning in Python. "
    "Journal of "
    "Machine Learning Research 12:2825-2830.",
    "tensorflow": "Abadi M, Barham P, Chen J, et al. (2016). TensorFlow: a system for large-scale machine learning. "
    "Proceedings of the 12th USENIX Symposium on Operating Systems Design and Implementation, 265-283.",
}

# By kind: what it is, and the works that it comes from.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ols": ("ordinary least squares, of minimum norm where landmarks outnumber samples", ()),
    "ridge": ("ridge regression", ("ridge",)),
    "lasso": ("least squares with a penalty on absolute coefficients", ("lasso",)),
    "elastic_net": ("least squares with a mixture of both penalties", ("elastic_net",)),
    "knn": ("the mean of the nearest training samples", ("knn",)),
    "knn_ge": ("the mean of the landmarks whose training profiles are nearest to the target's", ("dgex",)),
    "sample_lasso": ("every sample as a sparse combination of training samples", ("sample_lasso",)),
    "kernel_ridge": ("ridge regression with a Gaussian kernel", ("kernel_ridge",)),
    "median_kernel": (
        "ridge regressions of z-scores and of normal scores with a Gaussian and a linear kernel, moved to the median",
        ("kernel_ridge",),
    ),
    "blend": ("a non-negative combination of other models", ("stacking",)),
    "network": ("a feed-forward network", ()),
}
