"""Values that stand for what must never be logged. They are in the fixtures that many tests share, so that the scan of
`tests/log_scan.py` looks for something that was really there.
"""

FAMILY = "Quillfeather-Osgood"
GIVEN = "Zephyrine"
PATIENT_ID = "planted-patient-7f3a9c"
MRN = "MRN-90817263-PLANTED"
STREET = "17 Marzipan Crescent"
ACCESS_TOKEN = "planted-access-token-c0ffee"
TOKEN_ID = "planted-jti"
ADMIN_TOKEN = "planted-admin-token-5b1d"
METRICS_TOKEN = "planted-metrics-token-5b1d"
AUDIT_KEY = "planted-audit-key-0123456789abcdef0123"

VALUES = (
    *(FAMILY, GIVEN, PATIENT_ID, MRN, STREET),
    *(ACCESS_TOKEN, TOKEN_ID, ADMIN_TOKEN, METRICS_TOKEN, AUDIT_KEY),
)

NAME = [{"family": FAMILY, "given": [GIVEN]}]
IDENTIFIER = [{"system": "urn:oid:2.16.840.1.113883.19.5", "value": MRN}]
ADDRESS = [{"line": [STREET], "city": "Anytown"}]
