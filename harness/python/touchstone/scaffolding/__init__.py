"""Proposes a family file for a model type: sizes, inputs and outputs by rules, each tried on the real model."""
