"""How the heads are made: corpora, fitting, calibration, model card, held-out trials."""
