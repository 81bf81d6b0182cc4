"""Language models behind `holdfast.ports.language_model.LanguageModel`, over HTTP and without any vendor's library."""
