/* The subcommand of passwd.h. */
#include "proxy/passwd.h"

#include "proxy/config.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { PASSWORD_MAX = 256 }; /* what caching_sha2_password takes, and a NUL */

/* One line of stdin without its end. */
static enum result read_line(char password[PASSWORD_MAX + 2])
{
    if (fgets(password, PASSWORD_MAX + 2, stdin) == NULL)
        return RESULT_CLOSED;
    size_t length = strcspn(password, "\r\n");
    password[length] = '\0';
    return length < PASSWORD_MAX ? RESULT_OK : RESULT_TOO_LARGE;
}

static enum result ask(const char *prompt, char password[PASSWORD_MAX + 2])
{
    struct termios before;
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_terminal) {
        struct termios quiet = before;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        quiet.c_lflag |= ECHONL;
        fputs(prompt, stderr);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    enum result result = read_line(password);
    if (is_terminal)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    return result;
}

static enum result ask_and_confirm(char password[PASSWORD_MAX + 2])
{
    char again[PASSWORD_MAX + 2];
    enum result result = ask("Password: ", password);
    if (result != RESULT_OK || isatty(STDIN_FILENO) == 0)
        return result;
    result = ask("Once more: ", again);
    if (result == RESULT_OK && strcmp(password, again) != 0)
        result = RESULT_CONFLICT;
    explicit_bzero(again, sizeof(again));
    return result;
}

int passwd_run(const char *user)
{
    char password[PASSWORD_MAX + 2];
    char text[CONFIG_HASH_LENGTH + 1];
    struct config_account account = {0};
    enum result result = ask_and_confirm(password);
    bool is_empty = result == RESULT_OK && password[0] == '\0';
    if (result == RESULT_OK && !is_empty)
        config_account_set_password(&account, password);
    explicit_bzero(password, sizeof(password));
    if (result != RESULT_OK || is_empty) {
        fprintf(stderr, "ackgate passwd: %s\n",
                is_empty                     ? "an empty password has no hash"
                : result == RESULT_TOO_LARGE ? "a password has at most 255 bytes"
                : result == RESULT_CONFLICT  ? "the two are not the same"
                                             : "no password was given");
        return 1;
    }
    config_account_format_hash(&account, text);
    printf("user = %s\npassword_hash = %s\n", user != NULL ? user : "admin", text);
    return 0;
}
