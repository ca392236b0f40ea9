# CustomOpsTransform: TinyRMSNorm becomes GemmaCustomRMSNormAIC
