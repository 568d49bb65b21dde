/* The options of recover_tls.h. */
#include "recovery/recover_tls.h"

#include "protocol/xalloc.h"

#include <stddef.h>
#include <string.h>

/* The number of the word in "a|b|c". */
static bool parse_choice(const char *choices, const char *value, unsigned *ret_number)
{
    size_t length = strlen(value);
    for (unsigned number = 0; *choices != '\0'; number++) {
        size_t word = strcspn(choices, "|");
        if (word == length && strncmp(choices, value, word) == 0) {
            *ret_number = number;
            return true;
        }
        choices += word + (choices[word] == '|');
    }
    return false;
}

bool recover_tls_take(struct tls_settings *tls, const char *name, const char *value)
{
    unsigned number;
    bool is_mode = strcmp(name, "tls") == 0;
    if (!parse_choice(is_mode ? TLS_CLIENT_MODES : TLS_VERSIONS, value, &number))
        return false;
    if (is_mode)
        tls->mode = (enum tls_mode)number;
    else
        tls->min_version = (enum tls_version)number;
    return true;
}

enum result recover_tls_check(const struct tls_settings *tls, char **ret_problem)
{
    const char *problem = NULL;
    if ((tls->cert == NULL) != (tls->key == NULL))
        problem = "tls_cert and tls_key are needed both, or none of them";
    else if (tls->mode >= TLS_VERIFY_CA && tls->ca == NULL)
        problem =
            "verify_ca and verify_identity need tls_ca: a file in PEM with the certificates of those who "
            "may have signed ackgate's";
    else if (tls->mode == TLS_DISABLED && (tls->ca != NULL || tls->cert != NULL))
        problem = "tls_ca, tls_cert and tls_key do nothing while tls is disabled; set tls too";
    if (problem == NULL)
        return RESULT_OK;
    *ret_problem = xstrdup(problem);
    return RESULT_MALFORMED;
}
