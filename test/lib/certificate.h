/* Certificates for a test, made when it runs: an authority, and what it signs, as files in PEM.
 *
 * NAME.pem and NAME-key.pem (mode 0600) in a directory of the test's. Keys are on P-256, which takes no time;
 * everything is valid from yesterday for two days. In a header, so that unit tests have it too. */
#ifndef ACKGATE_TEST_CERTIFICATE_H
#define ACKGATE_TEST_CERTIFICATE_H

#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct certificate_order {
    const char *dir;
    const char *name;   /* of the files */
    const char *common; /* CN of the subject, O is "ackgate test" */
    const char *alt;    /* "DNS:localhost,IP:127.0.0.1"; NULL: none */
    const char *ca;     /* name of the authority's files; NULL: it is an authority itself */
};

static inline FILE *certificate_file(const struct certificate_order *order, const char *name, const char *end,
                                     const char *mode)
{
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/%s%s.pem", order->dir, name, end);
    FILE *file = fopen(path, mode);
    ck_assert_msg(file != NULL, "%s cannot be opened", path);
    if (mode[0] == 'w')
        (void)chmod(path, 0600);
    return file;
}

static inline void certificate_extend(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    ck_assert_ptr_nonnull(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static inline void certificate_fill(X509 *certificate, const struct certificate_order *order, EVP_PKEY *key)
{
    unsigned char serial[8];
    X509_NAME *name = X509_get_subject_name(certificate);
    ck_assert_int_eq(RAND_bytes(serial, sizeof(serial)), 1);
    BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"ackgate test", -1, -1, 0);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)order->common, -1, -1, 0);
    certificate_extend(certificate, NID_basic_constraints,
                       order->ca == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (order->alt != NULL)
        certificate_extend(certificate, NID_subject_alt_name, order->alt);
}

static inline void certificate_sign(X509 *certificate, const struct certificate_order *order, EVP_PKEY *key)
{
    if (order->ca == NULL) {
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
        ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
        return;
    }
    FILE *file = certificate_file(order, order->ca, "", "r");
    X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
    (void)fclose(file);
    file = certificate_file(order, order->ca, "-key", "r");
    EVP_PKEY *ca_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    (void)fclose(file);
    X509_set_issuer_name(certificate, X509_get_subject_name(ca));
    ck_assert_int_gt(X509_sign(certificate, ca_key, EVP_sha256()), 0);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
}

static inline void certificate_make(const struct certificate_order *order)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    certificate_fill(certificate, order, key);
    certificate_sign(certificate, order, key);
    FILE *file = certificate_file(order, order->name, "", "w");
    PEM_write_X509(file, certificate);
    (void)fclose(file);
    file = certificate_file(order, order->name, "-key", "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    (void)fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* What most tests need: an authority "ca", a "server" for 127.0.0.1 and localhost, a "client", and a
 * "stranger" that "other-ca" has signed. */
static inline void certificate_make_usual(const char *dir)
{
    const struct certificate_order orders[] = {
        {dir, "ca",       "ackgate test CA", NULL,                         NULL      },
        {dir, "other-ca", "another CA",      NULL,                         NULL      },
        {dir, "server",   "server",          "DNS:localhost,IP:127.0.0.1", "ca"      },
        {dir, "client",   "client",          NULL,                         "ca"      },
        {dir, "stranger", "stranger",        "DNS:elsewhere.example",      "other-ca"},
    };
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        certificate_make(&orders[i]);
}

#endif
