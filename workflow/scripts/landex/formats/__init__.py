"""Users' matrix files: GCT, GCTX, TSV, CSV and AnnData, read and written in blocks of samples."""
