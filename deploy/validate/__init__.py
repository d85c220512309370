"""Offline validation of the deployment files: do they say what the code does?"""
