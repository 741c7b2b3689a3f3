"""Measurements that are too noisy to assert: each prints what it measured."""
