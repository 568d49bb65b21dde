/* The config file: whatever it holds, it is read or its problems are told, each with file and line. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/config.h"
#include "test/fuzz/fuzz.h"

static void look_at(const struct config *config)
{
    struct config_variable variable;

    for (size_t i = 0; i < config_variable_count(); i++) {
        config_variable(config, i, &variable);
        fuzz_check(memchr(variable.value, '\0', sizeof variable.value) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct config *config = NULL;
    char *problems = NULL, path[40];
    int fd = memfd_create("config", MFD_CLOEXEC);

    fuzz_check(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, data, length) == (ssize_t)length);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum result result = config_load(path, &config, &problems);
    fuzz_check((result == RESULT_OK) == (config != NULL) && (result == RESULT_OK) == (problems == NULL));
    if (config != NULL)
        look_at(config);
    if (problems != NULL)
        fuzz_check(*problems != '\0');
    free(problems);
    config_free(&config);
    (void)close(fd);
    return 0;
}
