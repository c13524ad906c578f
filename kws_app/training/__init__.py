"""Train, compress, quantize, export and judge models; never imported by the runtime."""
