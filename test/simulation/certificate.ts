/** A certificate and its key for simulated TLS, which nobody ever shows: they only have to be some. */

const cert = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUPpDRpWtPeE0uCvxgokof9X0Oh/AwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJc2ltdWxhdGVkMCAXDTI2MTEyOTA4NTIwMloYDzIxMjYxMTA1
MDg1MjAyWjAUMRIwEAYDVQQDDAlzaW11bGF0ZWQwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARmtR+1p6SA5nk87em2K2UcfHYgr8Px+yCxLeIGyP1ySKT8yUoL3bWc
BarAtIToQiycufIH3QFjCxd8qVQXki5go1MwUTAdBgNVHQ4EFgQUkpp+Hj974/Uu
CEWWjCZD+rbxQgQwHwYDVR0jBBgwFoAUkpp+Hj974/UuCEWWjCZD+rbxQgQwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiA5P0pDxaHpM8npAkBQfAWX
TJedoLYO/cVSBaJcw9bq+wIhAMSqwjTy3qWplQ7c1gTW/RwKYO09qQ4daDaE9DRp
cRu1
-----END CERTIFICATE-----
`;

const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk0xVYs2ny+k8eLGy
2KS6U4q1P8WYp4gUx1+oFgekUl+hRANCAARmtR+1p6SA5nk87em2K2UcfHYgr8Px
+yCxLeIGyP1ySKT8yUoL3bWcBarAtIToQiycufIH3QFjCxd8qVQXki5g
-----END PRIVATE KEY-----
`;

export const CERTIFICATE = { cert, key, ca: cert };
