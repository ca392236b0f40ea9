# CustomOpsTransform: TinyRMSNorm becomes CustomRMSNormAIC
