"""Two test keys, made for these tests only: no account anywhere has them. Coinbase secrets are EC P-256 keys in PEM."""

API_KEY = "organizations/8f1c2a52-0000-4000-8000-000000000001/apiKeys/3b9d6e10-0000-4000-8000-000000000002"
# Test key.
SECRET = """-----BEGIN EC PRIVATE KEY-----
MHcCAQEEINtRb+o3IJgRfqsi56F26trle33+P/YrOq3itnW5LE4xoAoGCCqGSM49
AwEHoUQDQgAEis/v2yVcWLrThp4neXA8Pw72yrc7IKH5xALFlbBwEL8LR5YVNDvH
oidfyrdG5EGglfek+27ovHkcS7IpafGLew==
-----END EC PRIVATE KEY-----"""
# Another test key, which is not the account's.
WRONG_SECRET = """-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIHuF8CCvseMutrKs8qDCPuHQOBwdkbyMukNmR1kR2yLSoAoGCCqGSM49
AwEHoUQDQgAEDcY969VDYrygZf63NY8N9Qs7+y545My1WEYL1d47s9HVJgvi04EM
5965MYJA1OKhvB5q5dIa9Mlo3/H4e3ktcA==
-----END EC PRIVATE KEY-----"""
