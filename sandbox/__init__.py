"""Local emulators of the vendors: what a vendor refuses, they refuse, and faults can be scripted.

They stand alone: nothing of the workers is imported here, so a mistake cannot be shared.
"""
