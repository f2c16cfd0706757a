"""Conversion of streams of JSON lines to Parquet, in processes of their own."""
