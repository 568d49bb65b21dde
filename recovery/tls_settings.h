/*
 * What a config says about TLS in one place: the keys tls, tls_ca, tls_cert, tls_key and tls_min_version of a
 * section. Used by the daemon's ports and connections and by the SQL client.
 */
#ifndef ACKGATE_RECOVERY_TLS_SETTINGS_H
#define ACKGATE_RECOVERY_TLS_SETTINGS_H

enum tls_mode {
    TLS_DISABLED,
    TLS_PREFERRED,      /* with those that can */
    TLS_REQUIRED,       /* or not at all */
    TLS_VERIFY_CA,      /* clients: and the server's certificate is signed by one of tls_ca */
    TLS_VERIFY_IDENTITY /* … and names the host that was connected to */
};

#define TLS_SERVER_MODES "disabled|preferred|required"
#define TLS_CLIENT_MODES "disabled|preferred|required|verify_ca|verify_identity"

/* As tls_min_version says it. */
enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };
#define TLS_VERSIONS "1.2|1.3"

/* Files in PEM, owned by whoever has the settings; NULL: none. */
struct tls_settings {
    enum tls_mode mode;
    enum tls_version min_version;
    char *ca;   /* servers: whose clients' certificates are taken */
    char *cert; /* with the chain up to the CA, if there is one between */
    char *key;
};

#endif
