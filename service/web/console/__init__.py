"""`/console/`: what administrators and pharmacists look at. Pages made on the server, without a script.

`gate.py` decides who may see them, `blueprint.py` puts the pages together, and each other module makes the pages of one
subject. Nothing here shows or exports what points to a patient.
"""
